package pipe

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir/consumer"
)

// A Line is a record as the command reads it.
type Line struct {
	// ID is what the command prints to acknowledge the record: a number that no
	// other line has which the same command is given. Zero, which is left out, where
	// nothing is acknowledged.
	ID       uint64 `json:"id,omitempty"`
	Stream   string `json:"stream"`
	Shard    string `json:"shard"`
	Sequence string `json:"sequence"`
	Key      string `json:"key"`
	Time     string `json:"time"` // of arrival, as RFC 3339 has it
	// Text is the data if it is UTF-8, Data is it otherwise, in base64.
	Text *string `json:"text,omitempty"`
	Data []byte  `json:"data,omitempty"`
}

// lineOf returns the line of a record of a batch.
func lineOf(b *consumer.Batch, i int, id uint64) Line {
	r := &b.Records[i]
	l := Line{
		ID: id, Stream: b.Stream, Shard: b.Shard.String(), Sequence: r.SequenceNumber.String(), Key: r.PartitionKey,
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

// chunkBytes is how much is written at once: what a pipe takes whole.
const chunkBytes = 4096

// A lineWriter makes lines. What it returns is valid until it makes others.
type lineWriter struct{ buf bytes.Buffer }

// all returns the lines of a batch, without IDs.
func (w *lineWriter) all(b *consumer.Batch) []byte {
	w.buf.Reset()
	for i := range b.Records {
		w.add(lineOf(b, i, 0))
	}
	return w.buf.Bytes()
}

// chunk returns the lines of n records of a batch, from an index and an ID on: as
// many as are written at once, at least one.
func (w *lineWriter) chunk(b *consumer.Batch, from int, id uint64) (lines []byte, n int) {
	w.buf.Reset()
	for ; w.buf.Len() < chunkBytes && from+n < len(b.Records); n++ {
		before := w.buf.Len()
		w.add(lineOf(b, from+n, id+uint64(n)))
		if w.buf.Len() > chunkBytes && n > 0 {
			w.buf.Truncate(before)
			break
		}
	}
	return w.buf.Bytes(), n
}

func (w *lineWriter) add(l Line) {
	e := json.NewEncoder(&w.buf)
	e.SetEscapeHTML(false)
	e.Encode(l) // cannot fail: a Line is text and numbers
}
