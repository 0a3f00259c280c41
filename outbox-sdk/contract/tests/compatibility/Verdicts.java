// Asks Avro's own library which of schemas.json can read which: for each reader a line with a
// character for each writer, + or -. An ambiguous alias is an exception there, and a - here. Apache Avro 1.12.0; run with its jar and jackson's:
//   java -cp 'lib/*' Verdicts.java schemas.json > verdicts.txt
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaCompatibility.SchemaCompatibilityType;

class Verdicts {
    public static void main(String[] arguments) throws Exception {
        JsonNode texts = new ObjectMapper().readTree(new File(arguments[0]));
        List<Schema> schemas = new ArrayList<>();
        texts.forEach(text -> schemas.add(new Schema.Parser().parse(text.toString())));
        for (Schema reader : schemas) {
            StringBuilder line = new StringBuilder();
            for (Schema writer : schemas) {
                line.append(canRead(reader, writer) ? '+' : '-');
            }
            System.out.println(line);
        }
    }

    private static boolean canRead(Schema reader, Schema writer) {
        try {
            var verdict = SchemaCompatibility.checkReaderWriterCompatibility(reader, writer).getType();
            return verdict == SchemaCompatibilityType.COMPATIBLE;
        } catch (AvroRuntimeException ambiguous) {
            // A field whose name and aliases mean several fields of the writer.
            return false;
        }
    }
}
