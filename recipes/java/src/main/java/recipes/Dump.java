package recipes;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedOutputStream;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.util.Collection;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericEnumSymbol;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Prints a topic, one line of JSON for each record, in the form that {@code ../README.md} describes.
 *
 * <p>The tests compare it with the other languages' prints. Argument: topic.
 */
public final class Dump {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Dump() {}

    public static void main(String[] arguments) throws Exception {
        PrintStream output = new PrintStream(
            new BufferedOutputStream(System.out), false, StandardCharsets.UTF_8);
        try (Events events = new Events(arguments[0], "dump-" + UUID.randomUUID())) {
            events.toTheEnd(event -> output.println(JSON.writeValueAsString(line(event))));
        }
        output.flush();
    }

    private static Map<String, Object> line(ConsumerRecord<String, GenericRecord> event) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("topic", event.topic());
        line.put("partition", event.partition());
        line.put("offset", event.offset());
        line.put("timestamp", event.timestamp());
        line.put("key", event.key());
        line.put("headers", Events.headers(event));
        line.put("value", canonical(event.value()));
        return line;
    }

    /** A decoded value with every scalar that JSON cannot say exactly in a tagged text. */
    private static Object canonical(Object value) {
        if (value == null || value instanceof Boolean) {
            return value;
        } else if (value instanceof CharSequence || value instanceof GenericEnumSymbol<?>) {
            return value.toString();
        } else if (value instanceof Integer || value instanceof Long) {
            return Map.of("$int", value.toString());
        } else if (value instanceof Float || value instanceof Double) {
            long bits = Double.doubleToRawLongBits(((Number) value).doubleValue());
            return Map.of("$float", HexFormat.of().toHexDigits(bits));
        } else if (value instanceof BigDecimal decimal) {
            return Map.of("$decimal", decimal.toPlainString());
        } else if (value instanceof ByteBuffer bytes) {
            byte[] copy = new byte[bytes.remaining()];
            bytes.duplicate().get(copy);
            return Map.of("$bytes", HexFormat.of().formatHex(copy));
        } else if (value instanceof GenericFixed fixed) {
            return Map.of("$bytes", HexFormat.of().formatHex(fixed.bytes()));
        } else if (value instanceof LocalDate date) {
            return Map.of("$date", Long.toString(date.toEpochDay()));
        } else if (value instanceof LocalTime time) {
            return Map.of("$time", Long.toString(time.toNanoOfDay() / 1000));
        } else if (value instanceof Instant at) {
            long micros = at.getEpochSecond() * 1_000_000 + at.getNano() / 1000;
            return Map.of("$timestamp", Long.toString(micros));
        }
        return container(value);
    }

    private static Object container(Object value) {
        Map<String, Object> fields = new TreeMap<>();
        if (value instanceof Collection<?> items) {
            return items.stream().map(Dump::canonical).toList();
        } else if (value instanceof Map<?, ?> map) {
            map.forEach((name, item) -> fields.put(name.toString(), canonical(item)));
            return fields;
        } else if (value instanceof GenericRecord record) {
            for (Schema.Field field : record.getSchema().getFields()) {
                fields.put(field.name(), canonical(record.get(field.pos())));
            }
            return fields;
        }
        throw new IllegalArgumentException("no canonical form for " + value.getClass());
    }
}
