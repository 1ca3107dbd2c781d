package parquet

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	parquet "github.com/parquet-go/parquet-go"
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/delivery"
)

// A Config says what becomes of JSON records in Parquet. The zero Config finds
// out the columns of each object from its records, and compresses with Snappy.
type Config struct {
	// Schema has the columns. Nil means that each object gets those that its
	// records have, by the rules of the package.
	Schema *Schema
	// Unknown says what becomes of a field that the schema does not have.
	Unknown Unknown
	// FoldCase finds a column by a name of the record that differs in lower and
	// upper case. It is how Athena and Glue name columns, all in lower case.
	FoldCase bool
	// KeepText makes a string column also of texts that are all timestamps,
	// where the columns are found out. A timestamp keeps the instant in
	// microseconds, and neither finer digits nor the offset from UTC.
	KeepText bool
	// Compression is what compresses the pages of a column.
	Compression Compression
	// RowGroupBytes is about how large a row group becomes in the object; a
	// reader can take or leave it as a whole. Zero means
	// [DefaultRowGroupBytes], the least is [MinRowGroupBytes].
	RowGroupBytes int64
}

// The sizes of row groups.
const (
	DefaultRowGroupBytes = 32 << 20
	MinRowGroupBytes     = 64 << 10
)

// Unknown says what becomes of a field of a record that the schema does not have.
type Unknown int

const (
	// RejectUnknown rejects the record, so that the field is not lost, unless it
	// is null or has nothing in it.
	RejectUnknown Unknown = iota
	// DropUnknown leaves the field out, as Hive's readers of JSON do.
	DropUnknown
)

// Compression is how the columns within an object are compressed.
type Compression int

// Readers know all of them; Snappy is quick and what they expect, Gzip and Zstd
// are smaller.
const (
	Snappy Compression = iota
	Uncompressed
	Gzip
	Zstd
)

var compressions = [...]string{Snappy: "snappy", Uncompressed: "none", Gzip: "gzip", Zstd: "zstd"}

// String returns its name.
func (c Compression) String() string {
	if c < 0 || int(c) >= len(compressions) {
		return fmt.Sprintf("Compression(%d)", int(c))
	}
	return compressions[c]
}

// ParseCompression reads snappy, none, gzip or zstd.
func ParseCompression(name string) (Compression, error) {
	i := slices.Index(compressions[:], name)
	if i < 0 {
		return 0, &weir.ArgumentError{Field: "compression", Reason: fmt.Sprintf("%q is none of %s", name, strings.Join(compressions[:], ", "))}
	}
	return Compression(i), nil
}

// A Format is the [delivery.Format] that makes a Parquet file of an object's
// records.
type Format struct {
	config Config
	layout *node           // nil if each object has its own
	schema *parquet.Schema // as well
}

var _ delivery.Format = (*Format)(nil)

// New returns the format, or says which field of the Config is wrong.
func New(c Config) (*Format, error) {
	if c.RowGroupBytes == 0 {
		c.RowGroupBytes = DefaultRowGroupBytes
	}
	switch {
	case c.RowGroupBytes < MinRowGroupBytes:
		return nil, &weir.ArgumentError{Field: "RowGroupBytes", Reason: fmt.Sprintf("%d is less than %d", c.RowGroupBytes, MinRowGroupBytes)}
	case c.Compression < 0 || int(c.Compression) >= len(compressions):
		return nil, &weir.ArgumentError{Field: "Compression", Reason: fmt.Sprintf("there is no %v", c.Compression)}
	case c.Unknown < 0 || c.Unknown > DropUnknown:
		return nil, &weir.ArgumentError{Field: "Unknown", Reason: fmt.Sprintf("there is no %d", c.Unknown)}
	case c.Schema != nil && len(c.Schema.fields) == 0:
		return nil, &weir.ArgumentError{Field: "Schema", Reason: "it has no column"}
	}
	f := &Format{config: c}
	if c.Schema != nil {
		f.layout, f.schema = layout(c.Schema.fields, c.FoldCase), parquetSchema(c.Schema.fields)
	}
	return f, nil
}

// Name returns "parquet".
func (f *Format) Name() string { return "parquet" }

// Extension returns ".parquet".
func (f *Format) Extension() string { return ".parquet" }

// ContentType returns the media type of Parquet.
func (f *Format) ContentType() string { return "application/vnd.apache.parquet" }

// Compressible returns false: the columns are compressed one by one, and a
// reader begins at the end.
func (f *Format) Compressible() bool { return false }

// Encode writes a Parquet file of the records that fit, in their order. The
// error of one that does not fit is a [*MisfitError]. Beside what was written it
// holds a row group, which may take twice its size, and some megabytes.
func (f *Format) Encode(w io.Writer, records []delivery.Record) ([]delivery.Rejection, error) {
	root, schema := f.layout, f.schema
	if root == nil {
		g := newGuesser(f.config.KeepText)
		for i := range records {
			if v, err := parseJSON(string(records[i].Data)); err == nil {
				g.add(v)
			}
		}
		fields := columns(g.root.fields)
		root, schema = layout(fields, f.config.FoldCase), parquetSchema(fields)
	}
	return f.encode(w, records, root, schema)
}

func (f *Format) encode(w io.Writer, records []delivery.Record, root *node, schema *parquet.Schema) (rejected []delivery.Rejection, err error) {
	file := f.newFile(w, schema, root.end)
	shredder := newShredder(root, f.config)
	for i := range records {
		err := file.add(shredder, records[i].Data)
		var misfit *MisfitError
		if errors.As(err, &misfit) {
			rejected = append(rejected, delivery.Rejection{Index: i, Err: err})
		} else if err != nil {
			return nil, err
		}
	}
	return rejected, file.close()
}
