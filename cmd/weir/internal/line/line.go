// Package line is a record as a line of JSON, which commands read and print.
package line

import (
	"encoding/json"
	"io"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir"
)

// A Line is a record of a stream.
type Line struct {
	// ID is what a command prints to acknowledge the record: a number that no
	// other line has which the same command is given. Zero, which is left out,
	// where nothing is acknowledged.
	ID       uint64 `json:"id,omitempty"`
	Stream   string `json:"stream"`
	Shard    string `json:"shard"`
	Sequence string `json:"sequence"`
	// Sub is the sub-sequence number of a user record in an aggregate; nil if
	// the record is whole.
	Sub  *uint64 `json:"sub,omitempty"`
	Key  string  `json:"key"`
	Time string  `json:"time"` // of arrival, as RFC 3339 has it
	// Text is the data if it is UTF-8, Data is it otherwise, in base64.
	Text *string `json:"text,omitempty"`
	Data []byte  `json:"data,omitempty"`
}

// Of returns the line of a record.
func Of(stream string, shard weir.ShardID, r *weir.Record) Line {
	l := Line{
		Stream: stream, Shard: shard.String(), Sequence: r.SequenceNumber.String(), Key: r.PartitionKey,
		Time: r.ArrivalTime.UTC().Format(time.RFC3339Nano),
	}
	if utf8.Valid(r.Data) {
		text := string(r.Data)
		l.Text = &text
	} else {
		l.Data = r.Data
	}
	return l
}

// Write writes the line, in one piece.
func (l Line) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(l)
}
