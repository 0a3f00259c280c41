package recipes;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;

/** The events of a topic, as an ordinary consumer gets them. */
final class Events implements AutoCloseable {
    /** What is done with a record; its offset is committed after that. */
    interface Handler {
        void handle(ConsumerRecord<String, GenericRecord> event) throws Exception;
    }

    private static final Duration PATIENCE = Duration.ofSeconds(1);

    private final KafkaConsumer<String, GenericRecord> consumer;
    private final List<TopicPartition> partitions;

    Events(String topic, String group) {
        consumer = new KafkaConsumer<>(Map.of(
            "bootstrap.servers", System.getenv("KAFKA_BOOTSTRAP_SERVERS"),
            "schema.registry.url", System.getenv("SCHEMA_REGISTRY_URL"),
            "group.id", group,
            "auto.offset.reset", "earliest",
            // Java's default shows the events of transactions that were never finished.
            "isolation.level", "read_committed",
            // Offsets are committed after the effect, never by the clock.
            "enable.auto.commit", "false",
            "key.deserializer", StringDeserializer.class,
            "value.deserializer", RegistryDeserializer.class));
        partitions = consumer.partitionsFor(topic).stream()
            .map(partition -> new TopicPartition(topic, partition.partition()))
            .toList();
        consumer.subscribe(List.of(topic));
    }

    /** Every event up to the end of each partition. A service never stops; a test does. */
    void toTheEnd(Handler handler) throws Exception {
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        while (!hasReached(ends)) {
            for (ConsumerRecord<String, GenericRecord> event : consumer.poll(PATIENCE)) {
                handler.handle(event);
            }
            consumer.commitSync();
        }
    }

    /** The headers by their names; their values are UTF-8. */
    static Map<String, String> headers(ConsumerRecord<?, ?> event) {
        Map<String, String> headers = new LinkedHashMap<>();
        for (Header header : event.headers()) {
            headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
        }
        return headers;
    }

    @Override
    public void close() {
        consumer.close();
    }

    /** A position also passes what a reader is not shown, such as the end of a transaction. */
    private boolean hasReached(Map<TopicPartition, Long> ends) {
        return consumer.assignment().size() == partitions.size()
            && ends.entrySet().stream()
                .allMatch(end -> consumer.position(end.getKey()) >= end.getValue());
    }
}
