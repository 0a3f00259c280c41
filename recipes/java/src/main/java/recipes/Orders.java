package recipes;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;

/**
 * The orders of a bakery. Each method is called inside the caller's transaction, as a method of a
 * Spring bean with {@code @Transactional} would be.
 */
final class Orders {
    // The casts choose between the forms of `emit` for text, json and jsonb.
    private static final String EMIT = """
        select outbox.emit(
          event_type => 'bakery.OrderPlaced', aggregate_type => 'order', aggregate_id => ?,
          payload => ?::text, schema_version => 1, headers => ?::text,
          correlation_id => ?, causation_id => ?)
        """;

    private static final ObjectMapper JSON = new ObjectMapper();

    private final Connection connection;
    private final ObjectNode headers;

    Orders(Connection connection, Map<String, String> headers) {
        this.connection = connection;
        this.headers = JSON.valueToTree(headers);
    }

    /** Writes an order and the event that says so; returns the event's id. */
    UUID place(UUID orderId, BigDecimal total, String note) throws SQLException {
        String insert = "insert into bread_order (order_id, total) values (?, ?)";
        try (PreparedStatement statement = connection.prepareStatement(insert)) {
            statement.setObject(1, orderId);
            statement.setBigDecimal(2, total);
            statement.executeUpdate();
        }
        // A decimal travels as text: JSON's numbers are doubles to many a program on the way.
        ObjectNode payload = JSON.createObjectNode()
            .put("order_id", orderId.toString())
            .put("total", total.toPlainString())
            .put("placed_at", Instant.now().toString())
            .put("note", note);
        return emit(orderId, payload.toString(), null);
    }

    /** Deletes an order; an event without a payload becomes a tombstone on the topic. */
    UUID forget(UUID orderId, UUID cause) throws SQLException {
        String delete = "delete from bread_order where order_id = ?";
        try (PreparedStatement statement = connection.prepareStatement(delete)) {
            statement.setObject(1, orderId);
            statement.executeUpdate();
        }
        return emit(orderId, null, cause);
    }

    private UUID emit(UUID orderId, String payload, UUID cause) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(EMIT)) {
            statement.setString(1, orderId.toString());
            statement.setString(2, payload);
            statement.setString(3, headers.toString());
            statement.setString(4, "order-" + orderId);
            statement.setString(5, cause == null ? null : cause.toString());
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getObject(1, UUID.class);
            }
        }
    }
}
