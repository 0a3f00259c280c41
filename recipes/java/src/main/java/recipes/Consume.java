package recipes;

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.Map;
import java.util.UUID;
import org.apache.avro.generic.GenericRecord;

/**
 * A service that consumes: the receipt and the effect are rows of one transaction.
 *
 * <p>Kafka may deliver an event again, after a crash between the effect and the commit of the
 * offset. Its receipt is there then, and it has no second effect. Arguments: topic, group, consumer.
 */
public final class Consume {
    private static final String RECEIPT =
        "insert into receipt (consumer, event_id) values (?, ?) on conflict do nothing";
    private static final String EFFECT = """
        insert into revenue as r values (?, ?, ?, ?) on conflict (consumer) do update set
          orders = r.orders + excluded.orders, total = r.total + excluded.total,
          cancelled = r.cancelled + excluded.cancelled
        """;

    private final Connection connection;
    private final String consumer;

    private Consume(Connection connection, String consumer) {
        this.connection = connection;
        this.consumer = consumer;
    }

    public static void main(String[] arguments) throws Exception {
        try (Connection connection = Database.connect();
                Events events = new Events(arguments[0], arguments[1])) {
            Consume service = new Consume(connection, arguments[2]);
            events.toTheEnd(event -> Database.inTransaction(connection, () -> {
                Map<String, String> headers = Events.headers(event);
                if (service.isNew(headers)) {
                    service.handle(headers, event.value());
                }
                return null;
            }));
        }
    }

    /** Writes the receipt, within the transaction; false where it lies there already. */
    private boolean isNew(Map<String, String> headers) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(RECEIPT)) {
            statement.setString(1, consumer);
            statement.setObject(2, UUID.fromString(headers.get("id")));
            return statement.executeUpdate() == 1;
        }
    }

    /** Adds an order up, or counts it as cancelled. */
    private void handle(Map<String, String> headers, GenericRecord order) throws SQLException {
        if (!"bakery.OrderPlaced".equals(headers.get("type"))) {
            return; // A topic may carry types that a consumer does not know.
        }
        boolean isTombstone = order == null;
        try (PreparedStatement statement = connection.prepareStatement(EFFECT)) {
            statement.setString(1, consumer);
            statement.setInt(2, isTombstone ? 0 : 1);
            statement.setBigDecimal(
                3, isTombstone ? BigDecimal.ZERO : (BigDecimal) order.get("total"));
            statement.setInt(4, isTombstone ? 1 : 0);
            statement.executeUpdate();
        }
    }
}
