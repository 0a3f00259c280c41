package recipes;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.avro.Conversions;
import org.apache.avro.Schema;
import org.apache.avro.data.TimeConversions;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * A record's value, by the schema that its first five bytes name.
 *
 * <p>Stands where a service has {@code io.confluent.kafka.serializers.KafkaAvroDeserializer}, which
 * is not on Maven Central; it asks any registry with Confluent's interface. A schema never changes
 * under its id, so it is asked for once.
 */
public final class RegistryDeserializer implements Deserializer<GenericRecord> {
    private static final byte MAGIC = 0;
    private static final int HEADER_BYTES = 5;

    private final ObjectMapper json = new ObjectMapper();
    private final HttpClient http = HttpClient.newHttpClient();
    private final Map<Integer, GenericDatumReader<GenericRecord>> readers =
        new ConcurrentHashMap<>();
    private final GenericData values = new GenericData();
    private String registry;

    @Override
    public void configure(Map<String, ?> settings, boolean isKey) {
        registry = (String) settings.get("schema.registry.url");
        // Without these a decimal is bytes and a timestamp a number.
        values.addLogicalTypeConversion(new Conversions.DecimalConversion());
        values.addLogicalTypeConversion(new TimeConversions.DateConversion());
        values.addLogicalTypeConversion(new TimeConversions.TimeMillisConversion());
        values.addLogicalTypeConversion(new TimeConversions.TimeMicrosConversion());
        values.addLogicalTypeConversion(new TimeConversions.TimestampMillisConversion());
        values.addLogicalTypeConversion(new TimeConversions.TimestampMicrosConversion());
    }

    /** Null for a tombstone: forget what the key stands for. */
    @Override
    public GenericRecord deserialize(String topic, byte[] bytes) {
        if (bytes == null) {
            return null;
        }
        ByteBuffer header = ByteBuffer.wrap(bytes);
        if (bytes.length < HEADER_BYTES || header.get() != MAGIC) {
            throw new SerializationException("the value names no schema");
        }
        GenericDatumReader<GenericRecord> reader =
            readers.computeIfAbsent(header.getInt(), this::reader);
        int length = bytes.length - HEADER_BYTES;
        try {
            return reader.read(
                null, DecoderFactory.get().binaryDecoder(bytes, HEADER_BYTES, length, null));
        } catch (IOException exception) {
            throw new SerializationException("the value does not fit its schema", exception);
        }
    }

    private GenericDatumReader<GenericRecord> reader(int id) {
        URI url = URI.create(registry + "/schemas/ids/" + id);
        try {
            HttpResponse<byte[]> response = http.send(
                HttpRequest.newBuilder(url).build(), HttpResponse.BodyHandlers.ofByteArray());
            if (response.statusCode() != 200) {
                throw new SerializationException(url + " answered " + response.statusCode());
            }
            String text = json.readTree(response.body()).get("schema").textValue();
            Schema schema = new Schema.Parser().parse(text);
            return new GenericDatumReader<>(schema, schema, values);
        } catch (IOException exception) {
            throw new UncheckedIOException(exception);
        } catch (InterruptedException exception) {
            Thread.currentThread().interrupt();
            throw new SerializationException("interrupted", exception);
        }
    }
}
