package lambent;

import com.amazonaws.services.lambda.runtime.api.client.AWSLambda;
import com.amazonaws.services.lambda.runtime.serialization.PojoSerializer;
import com.amazonaws.services.lambda.runtime.serialization.factories.JacksonFactory;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Type;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.security.Security;
import java.util.Map;
import java.util.TimeZone;
import java.util.jar.Attributes;

/**
 * Has AWS's client run the function; where the JVM was started ahead, for no function yet, only once it is claimed.
 *
 * <p>Until then nothing may call System.getenv, which keeps what it finds first, or touch the class AWSLambda, which does:
 * the environment is not there yet. The platform sets it, and the working directory, before it says that the wait is over.
 *
 * <p>Launcher.class is compiled from this file with {@code javac --release 8 -g:none}, and a test compares them.
 */
public final class Launcher {
    private static final String BOOT = "_LAMBENT_BOOT_FD=";
    private static final String ZONE = "user.timezone";
    private static final String NATIVE = "com.amazonaws.services.lambda.runtime.api.client.runtimeapi.NativeClient.JNI";
    private static final String CLIENT = "com.amazonaws.services.lambda.runtime.";
    /** What every function needs of the client; none of these looks at the environment when it is initialised. */
    private static final String[] INITIALISED = {
        "LambdaRuntime", "LambdaRuntimeInternal", "RequestHandler", "RequestStreamHandler", "CustomPojoSerializer",
        "logging.LogFormat", "logging.LogLevel", "serialization.util.ReflectUtil",
        "serialization.events.LambdaEventSerializers", "api.client.ClasspathLoader", "api.client.CustomerClassLoader",
        "api.client.EventHandlerLoader", "api.client.EventHandlerLoader$ClassContext",
        "api.client.EventHandlerLoader$Platform", "api.client.EventHandlerLoader$PojoHandlerAsStreamHandler",
        "api.client.EventHandlerLoader$2", "api.client.HandlerInfo", "api.client.LambdaRequestHandler",
        "api.client.LambdaRequestHandler$UserFaultHandler", "api.client.PojoSerializerLoader",
        "api.client.api.LambdaClientContext", "api.client.api.LambdaCognitoIdentity", "api.client.api.LambdaContext",
        "api.client.logging.FrameType", "api.client.logging.FramedTelemetryLogSink",
        "api.client.logging.JsonLogFormatter", "api.client.logging.LambdaContextLogger",
        "api.client.logging.LogFiltering", "api.client.logging.StdOutLogSink",
        "api.client.logging.StructuredLogMessage", "api.client.logging.TextLogFormatter",
        "api.client.runtimeapi.JniHelper", "api.client.runtimeapi.LambdaRuntimeApiClientImpl",
        "api.client.runtimeapi.NativeClient", "api.client.runtimeapi.dto.InvocationRequest",
        "api.client.util.ConcurrencyConfig", "api.client.util.EnvReader", "api.client.util.LambdaOutputStream",
        "api.client.util.UnsafeUtil",
    };

    private Launcher() {}

    public static void main(String[] arguments) throws Throwable {
        String descriptor = descriptor();
        loadNative();
        if (descriptor != null) {
            String zone = System.getProperty(ZONE);
            rehearse();
            await(Integer.parseInt(descriptor));
            // Whoever asked for the time zone meanwhile has had that of nobody's environment remembered.
            boolean asked = zone == null && System.getProperty(ZONE) != null;
            if (zone == null) {
                System.clearProperty(ZONE);
            } else {
                System.setProperty(ZONE, zone);
            }
            TimeZone.setDefault(null);
            if (asked) {
                TimeZone.getDefault();
            }
        }
        AWSLambda.main(new String[] {System.getenv("_HANDLER")});
    }

    /** The descriptor to wait at, if this JVM was started ahead. */
    private static String descriptor() throws IOException {
        try (InputStream environment = new FileInputStream("/proc/self/environ")) {
            for (String variable : text(environment).split("\0")) {
                if (variable.startsWith(BOOT)) {
                    return variable.substring(BOOT.length()).trim();
                }
            }
        }
        return null;
    }

    private static String text(InputStream stream) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] part = new byte[8192];
        for (int count = stream.read(part); count > 0; count = stream.read(part)) {
            all.write(part, 0, count);
        }
        return new String(all.toByteArray(), StandardCharsets.ISO_8859_1);
    }

    /** Loads the client's native part from beside this file; the client itself would unpack it to /tmp each time. */
    private static void loadNative() {
        String machine = System.getProperty("os.arch").equals("aarch64") ? "aarch_64" : "x86_64";
        for (String library : new String[] {"linux", "linux_musl"}) {
            File file = new File("../runtime/ahead/libaws-lambda-jni." + library + "-" + machine + ".so");
            try {
                System.load(file.getAbsolutePath());
                System.setProperty(NATIVE, file.getAbsolutePath());
                return;
            } catch (UnsatisfiedLinkError error) {
                // Of another C library, or not there.
            }
        }
    }

    /** Loads and initialises what every function needs. */
    private static void rehearse() throws Exception {
        for (String name : INITIALISED) {
            try {
                Class.forName(CLIENT + name);
            } catch (ClassNotFoundException error) {
                // Another release of the client: then it is loaded when it is needed.
            }
        }
        // The client sets some of these; the first that is set has the JVM look for a logger.
        String property = "jdk.tls.disabledAlgorithms";
        Security.setProperty(property, Security.getProperty(property));
        try (URLClassLoader loader = new URLClassLoader(new URL[] {new URL("file:/var/runtime/")}, null)) {
            loader.findResource("pom.xml");
        }
        byte[] event = "{\"a\":\"b\",\"c\":[1,1.5,true,null,{}]}".getBytes(StandardCharsets.UTF_8);
        JacksonFactory jackson = JacksonFactory.getInstance();
        // As handlers name their event: a class, and one with parameters.
        Type generic = Attributes.class.getGenericInterfaces()[0];
        jackson.getSerializer(generic).fromJson(new ByteArrayInputStream("{}".getBytes(StandardCharsets.UTF_8)));
        Object read = jackson.getSerializer(Map.class).fromJson(new ByteArrayInputStream(event));
        PojoSerializer<Object> objects = jackson.getSerializer(Object.class);
        objects.toJson(read, new ByteArrayOutputStream());
        objects.toJson("", new ByteArrayOutputStream());
    }

    /** Says that it is ready, and waits until environment and working directory are a function's. */
    private static void await(int number) throws Exception {
        Constructor<FileDescriptor> open = FileDescriptor.class.getDeclaredConstructor(int.class);
        open.setAccessible(true);
        FileDescriptor descriptor = open.newInstance(number);
        try (FileOutputStream output = new FileOutputStream(descriptor);
                FileInputStream input = new FileInputStream(descriptor)) {
            output.write(':');
            if (input.read() < 0) {
                Runtime.getRuntime().halt(0); // Nobody wants it any more.
            }
        }
    }
}
