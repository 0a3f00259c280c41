package recipes;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

/**
 * Prints where Java's producer puts a key. Another writer of a topic that the relay writes to must
 * come to the same partition, else the events of a key are in no order.
 *
 * <p>Arguments: a file with a key in hexadecimal digits in each line, and counts of partitions. Each
 * line of the output has the partitions of a key, one for each count.
 */
public final class Partitions {
    private Partitions() {}

    public static void main(String[] arguments) throws IOException {
        List<Integer> counts =
            Arrays.stream(arguments).skip(1).map(Integer::valueOf).toList();
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            byte[] key = HexFormat.of().parseHex(line);
            System.out.println(counts.stream()
                .map(count -> String.valueOf(BuiltInPartitioner.partitionForKey(key, count)))
                .collect(Collectors.joining(" ")));
        }
    }
}
