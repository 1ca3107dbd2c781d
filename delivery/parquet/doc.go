// Package parquet makes Parquet files of JSON records, as a [delivery.Format].
//
// Each record is one JSON object, and becomes one row. Which columns there are
// says a [Schema] of [ParseSchema]; without one they are found out for each object, from
// all of its records. A record that does not fit goes to the error output with
// the reason, a [*MisfitError]; what is in the file is all that the others say.
// There are no rules for repairs: a text is not taken for a number, nor a number
// for a text, and what would not come back as it was does not fit.
//
// # Columns that are found out
//
//   - true and false make a boolean, numbers a bigint, or a double if one of them
//     has a fraction, an exponent or more than 64 bits.
//   - Texts make a string; a timestamp if all of them are instants as RFC 3339
//     writes them, unless [Config.KeepText].
//   - Objects make a struct of all fields that one of them has, arrays a list.
//   - null, [] and {} say nothing, and fit everywhere. A column of which nothing
//     else is known is left out.
//   - Where records disagree, a column is what most of its values are, or what
//     came first of two that are as frequent; the others' records do not fit.
//   - Columns stand in the order in which they came. There may be [MaxColumns] of
//     them, [MaxDepth] deep; what has more does not fit.
//
// It depends on the records of the object alone: an object that is delivered
// again is the same, but two objects may have different columns, even of
// different types. For a table give a schema; [Infer] writes one to begin with.
package parquet
