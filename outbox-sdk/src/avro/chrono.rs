//! The types of chrono, as its serde support writes them: RFC 3339 and parts of it.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};

use super::{Avro, AvroType};

impl<Tz: TimeZone> AvroType for DateTime<Tz> {
    const AVRO: Avro = Avro::TimestampMicros;
}

impl AvroType for NaiveDateTime {
    const AVRO: Avro = Avro::LocalTimestampMicros;
}

impl AvroType for NaiveDate {
    const AVRO: Avro = Avro::Date;
}

impl AvroType for NaiveTime {
    const AVRO: Avro = Avro::TimeMicros;
}
