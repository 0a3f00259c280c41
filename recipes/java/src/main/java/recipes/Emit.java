package recipes;

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Map;
import java.util.UUID;

/**
 * A service that emits: its change and the event are rows of one transaction.
 *
 * <p>What the transaction rolls back was never emitted, and what it commits reaches Kafka; the
 * service needs no Kafka client and no schema registry. It is told by {@code DATABASE_URL}.
 */
public final class Emit {
    private static final String CHECK_VIOLATION = "23514";

    private Emit() {}

    public static void main(String[] arguments) throws SQLException {
        Map<String, String> headers =
            Map.of("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        try (Connection connection = Database.connect()) {
            Orders orders = new Orders(connection, headers);
            UUID second = UUID.randomUUID();
            UUID placed = Database.inTransaction(connection, () -> {
                System.out.println(orders.place(UUID.randomUUID(), new BigDecimal("12.30"), null));
                return orders.place(second, new BigDecimal("0.10"), "Körnerbrötchen 🥖");
            });
            System.out.println(placed);
            placeInVain(connection, orders);
            System.out.println(
                Database.inTransaction(connection, () -> orders.forget(second, placed)));
        }
    }

    /** Neither order is placed, and neither event will be seen. */
    private static void placeInVain(Connection connection, Orders orders) throws SQLException {
        try {
            Database.inTransaction(connection, () -> {
                orders.place(UUID.randomUUID(), new BigDecimal("7.00"), null);
                return orders.place(UUID.randomUUID(), new BigDecimal("-1.00"), null);
            });
        } catch (SQLException exception) {
            if (!CHECK_VIOLATION.equals(exception.getSQLState())) {
                throw exception;
            }
        }
    }
}
