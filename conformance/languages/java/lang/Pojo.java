// Handlers that are plain methods of plain classes.
package lang;

import com.amazonaws.services.lambda.runtime.Context;
import java.util.List;

public class Pojo {
    public static class Order {
        private String item;
        private int count;

        public String getItem() {
            return item;
        }

        public void setItem(String item) {
            this.item = item;
        }

        public int getCount() {
            return count;
        }

        public void setCount(int count) {
            this.count = count;
        }
    }

    public Order doubled(Order order, Context context) {
        order.setItem(order.getItem() + " for " + context.getFunctionName());
        order.setCount(order.getCount() * 2);
        return order;
    }

    public int sum(List<Integer> numbers) {
        return numbers.stream().mapToInt(Integer::intValue).sum();
    }

    public int threads(int count) throws InterruptedException {
        Thread[] threads = new Thread[count];
        for (int n = 0; n < count; n++) {
            threads[n] = new Thread(() -> Math.sqrt(2));
            threads[n].start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        return count;
    }
}
