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

    /** As many threads at once as can be had, of those wanted. */
    public int horde(int wanted) {
        Object never = new Object();
        int count = 0;
        try {
            for (; count < wanted; count++) {
                Thread thread = new Thread(null, () -> {
                    synchronized (never) {
                        try {
                            never.wait();
                        } catch (InterruptedException e) {
                            Thread.currentThread().interrupt();
                        }
                    }
                }, "horde", 128 * 1024);
                thread.setDaemon(true);
                thread.start();
            }
        } catch (OutOfMemoryError e) {
            System.err.println("no more: " + e.getMessage());
        }
        return count;
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
