package delivery

import (
	"io"
)

// A Format makes bytes of the records of an object. It is called by several
// goroutines at a time.
type Format interface {
	// Name is what commands and settings call it, such as "lines".
	Name() string
	// Extension is what object names end in, before the codec's extension, with
	// its dot; empty for none.
	Extension() string
	// ContentType is the media type of what it makes.
	ContentType() string
	// Compressible says whether a [Codec] may be applied to the whole. A format
	// that compresses inside, and is read from its end, says no.
	Compressible() bool
	// Encode writes the records, which are not none, as one whole, in their
	// order. What it cannot convert it leaves out and returns: that goes to the
	// error output, as format-conversion-failed. It depends on the records
	// alone, and which are rejected must not vary from call to call. If all are
	// rejected, it writes nothing, and no object is made. An error is w's, or
	// that of a whole that cannot be made of any of them: then all are
	// rejected. It keeps nothing of records.
	Encode(w io.Writer, records []Record) (rejected []Rejection, err error)
}

// A Rejection says that a format cannot convert a record.
type Rejection struct {
	Index int // in the records that it was given; they are in rising order
	Err   error
}

// Lines returns the format that writes the data of records behind each other,
// with a delimiter after each: "\n" for lines, empty for no separation at all,
// which is what the service does. Data that has the delimiter in it is not
// changed.
func Lines(delimiter string) Format { return lines(delimiter) }

type lines string

func (l lines) Name() string {
	if l == "" {
		return "concatenated"
	}
	return "lines"
}
func (lines) Extension() string   { return "" }
func (lines) ContentType() string { return "application/octet-stream" }
func (lines) Compressible() bool  { return true }

func (l lines) Encode(w io.Writer, records []Record) ([]Rejection, error) {
	for i := range records {
		if _, err := w.Write(records[i].Data); err != nil {
			return nil, err
		}
		if l == "" {
			continue
		}
		if _, err := io.WriteString(w, string(l)); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
