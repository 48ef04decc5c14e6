package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.Map;

/** Greets whoever the event names. */
public class Hello implements RequestHandler<Map<String, String>, Map<String, Object>> {
    @Override
    public Map<String, Object> handleRequest(Map<String, String> event, Context context) {
        String name = event.getOrDefault("name", "World");
        context.getLogger().log("greeting " + name + " in request " + context.getAwsRequestId());
        return Map.of("message", "Hello, " + name + "!", "remaining_ms", context.getRemainingTimeInMillis());
    }
}
