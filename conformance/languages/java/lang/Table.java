// The table's function in Java: a RequestHandler.
package lang;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

public class Table implements RequestHandler<Map<String, Object>, Object> {
    private int calls;

    @Override
    public Object handleRequest(Map<String, Object> event, Context context) {
        calls += 1;
        switch (String.valueOf(event.get("do"))) {
            case "fail":
                throw new IllegalStateException("as it was told");
            case "hang":
                sleep();
                break;
            case "exit":
                Runtime.getRuntime().halt(7);
                break;
            case "big":
                return "x".repeat(((Number) event.get("size")).intValue());
            case "hoard":
                return hoard();
            case "log":
                System.out.println("on the standard output");
                System.err.println("on the standard error");
                context.getLogger().log("by the logger\nin two lines\n");
                break;
            default:
        }
        Map<String, Object> answer = new HashMap<>();
        answer.put("event", event);
        answer.put("calls", calls);
        answer.put("request_id", context.getAwsRequestId());
        answer.put("function", context.getFunctionName());
        answer.put("version", context.getFunctionVersion());
        answer.put("arn", context.getInvokedFunctionArn());
        answer.put("memory", context.getMemoryLimitInMB());
        answer.put("log_group", context.getLogGroupName());
        answer.put("log_stream", context.getLogStreamName());
        answer.put("remaining_ms", context.getRemainingTimeInMillis());
        answer.put("client", context.getClientContext() == null ? null : context.getClientContext().getCustom());
        answer.put("runtime", System.getenv("AWS_EXECUTION_ENV"));
        answer.put("heap_mb", Runtime.getRuntime().maxMemory() >> 20);
        answer.put("java", System.getProperty("java.specification.version"));
        return answer;
    }

    private static int hoard() {
        List<byte[]> hoard = new ArrayList<>();
        for (int n = 0; n < 1 << 12; n++) {
            hoard.add(new byte[1 << 20]);
        }
        return hoard.size();
    }

    private static void sleep() {
        try {
            Thread.sleep(60_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
