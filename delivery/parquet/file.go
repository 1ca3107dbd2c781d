package parquet

import (
	"fmt"
	"io"

	parquet "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
)

// rowsAtOnce is how many rows are given to the library at a time, which is
// cheaper than each by itself.
const rowsAtOnce = 64

// A file is a Parquet file that is being written. It begins with its first row.
type file struct {
	w       io.Writer
	options []parquet.WriterOption
	limit   int64 // of a row group
	written *parquet.GenericWriter[any]
	rows    []parquet.Row // rowsAtOnce of them, whose memory is used again
	n       int           // how many of rows are not written yet
	flushed int64         // the size of the row groups that are done
	texts   []int         // by leaf, the bytes of text in the page that is not ended
}

func (f *Format) newFile(w io.Writer, schema *parquet.Schema, leaves int) *file {
	out := &file{w: w, limit: f.config.RowGroupBytes, rows: make([]parquet.Row, rowsAtOnce), texts: make([]int, leaves)}
	out.options = []parquet.WriterOption{
		schema,
		parquet.CreatedBy("weir", "", ""),
		// The second version of pages is not read everywhere.
		parquet.DataPageVersion(1),
		parquet.DictionaryMaxBytes(dictionaryBytes),
		parquet.PageBufferSize(pageBytes),
		parquet.Compression(f.config.Compression.codec()),
	}
	return out
}

const (
	// dictionaryBytes is how large a column's dictionary may become before the
	// column is written without one.
	dictionaryBytes = 1 << 20
	// pageBytes is about how large a page is before it is compressed.
	pageBytes = 256 << 10
)

func (c Compression) codec() compress.Codec {
	switch c {
	case Uncompressed:
		return &parquet.Uncompressed
	case Gzip:
		return &parquet.Gzip
	case Zstd:
		return &parquet.Zstd
	}
	return &parquet.Snappy
}

// add adds a record, or says with a *MisfitError that it does not fit.
func (f *file) add(s *shredder, record []byte) error {
	v, err := parseJSON(string(record))
	if err != nil {
		return &MisfitError{Err: fmt.Errorf("not JSON: %w", err)}
	}
	if len(s.leaves) == 0 {
		return &MisfitError{Err: errNothing}
	}
	if f.rows[f.n], err = s.row(f.rows[f.n][:0], v); err != nil {
		return err
	}
	if f.n++; f.n == len(f.rows) {
		return f.write()
	}
	return nil
}

func (f *file) write() error {
	if f.written == nil {
		f.written = parquet.NewGenericWriter[any](f.w, f.options...)
	}
	if _, err := f.written.WriteRows(f.rows[:f.n]); err != nil {
		return err
	}
	if err := f.endPages(); err != nil {
		return err
	}
	f.n = 0
	if f.written.Size()-f.flushed < f.limit {
		return nil
	}
	if err := f.written.Flush(); err != nil {
		return err
	}
	f.flushed = f.written.Size()
	return nil
}

// endPages ends the pages whose text has become large. The library ends a page
// of a column with a dictionary by the size of the numbers in it alone, and
// looks only then how large the dictionary has become.
func (f *file) endPages() error {
	for _, row := range f.rows[:f.n] {
		for _, v := range row {
			if v.Kind() == parquet.ByteArray {
				f.texts[v.Column()] += len(v.ByteArray())
			}
		}
	}
	for leaf, n := range f.texts {
		if n < pageBytes {
			continue
		}
		if err := f.written.ColumnWriters()[leaf].Flush(); err != nil {
			return err
		}
		f.texts[leaf] = 0
	}
	return nil
}

// close ends the file, if it has begun.
func (f *file) close() error {
	if f.n > 0 {
		if err := f.write(); err != nil {
			return err
		}
	}
	if f.written == nil {
		return nil
	}
	return f.written.Close()
}
