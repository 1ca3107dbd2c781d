package pipe

import (
	"bytes"

	"github.com/weirstream/weir/cmd/weir/internal/line"
	"github.com/weirstream/weir/consumer"
)

// lineOf returns the line of a record of a batch.
func lineOf(b *consumer.Batch, i int, id uint64) line.Line {
	l := line.Of(b.Stream, b.Shard, &b.Records[i])
	l.ID = id
	if b.Subs != nil {
		l.Sub = &b.Subs[i]
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
		lineOf(b, i, 0).Write(&w.buf) // a buffer takes all

	}
	return w.buf.Bytes()
}

// chunk returns the lines of n records of a batch, from an index and an ID on: as
// many as are written at once, at least one.
func (w *lineWriter) chunk(b *consumer.Batch, from int, id uint64) (lines []byte, n int) {
	w.buf.Reset()
	for ; w.buf.Len() < chunkBytes && from+n < len(b.Records); n++ {
		before := w.buf.Len()
		lineOf(b, from+n, id+uint64(n)).Write(&w.buf)
		if w.buf.Len() > chunkBytes && n > 0 {
			w.buf.Truncate(before)
			break
		}
	}
	return w.buf.Bytes(), n
}
