package recipes;

import java.net.URI;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Properties;

/** Connections and transactions; a service has its pool and its framework for that. */
final class Database {
    /** Work inside a transaction. */
    interface Work<T> {
        T run() throws SQLException;
    }

    private Database() {}

    /** Connects to {@code DATABASE_URL}, which is written as for every other language. */
    static Connection connect() throws SQLException {
        URI url = URI.create(System.getenv("DATABASE_URL"));
        String[] user = url.getUserInfo().split(":", 2);
        Properties properties = new Properties();
        properties.setProperty("user", user[0]);
        properties.setProperty("password", user.length > 1 ? user[1] : "");
        String address = "jdbc:postgresql://" + url.getHost() + ":" + url.getPort() + url.getPath();
        Connection connection = DriverManager.getConnection(address, properties);
        connection.setAutoCommit(false);
        return connection;
    }

    /** Runs {@code work} in a transaction; an exception rolls it back. */
    static <T> T inTransaction(Connection connection, Work<T> work) throws SQLException {
        try {
            T result = work.run();
            connection.commit();
            return result;
        } catch (SQLException | RuntimeException exception) {
            connection.rollback();
            throw exception;
        }
    }
}
