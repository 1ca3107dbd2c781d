package notes_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/notes"
)

// read returns what notes say, and the error that ends them.
func read(b []byte) (list []notes.Note, records []string, err error) {
	r := notes.NewReader(b)
	for {
		n, err := r.Next()
		if err == io.EOF {
			return list, records, nil
		}
		if err != nil {
			return list, records, err
		}
		list = append(list, n)
		follow := map[notes.Kind]int{notes.KindRun: n.Count, notes.KindCopies: 1}[n.Kind]
		for range follow {
			key, data, err := r.Record()
			if err != nil {
				return list, records, err
			}
			records = append(records, key+"="+string(data))
		}
	}
}

func TestReader_readsWhatWasWritten(t *testing.T) {
	run := notes.Run{Shard: 7, Index: 1 << 50, Ms: 1795916629118, First: 12, Count: 2, Batch: true}
	b := notes.AppendRun(nil, notes.KindRun, run)
	b = notes.AppendRecord(b, "key", []byte("data"))
	b = notes.AppendRecord(b, "", nil)
	b = notes.AppendTrim(b, 3, 9)
	b = notes.AppendGone(b, 4)
	b = notes.AppendChange(b, []byte("text"))
	copies := notes.Run{Shard: 0, Index: 5, Ms: 0, First: 5, Count: 1 << 30}
	b = notes.AppendRecord(notes.AppendRun(b, notes.KindCopies, copies), "k", []byte("d"))
	list, records, err := read(b)
	require.NoError(t, err)
	assert.Equal(t, []notes.Note{
		{Kind: notes.KindRun, Run: run}, {Kind: notes.KindTrim, Run: notes.Run{Shard: 3, First: 9}},
		{Kind: notes.KindGone, Run: notes.Run{Shard: 4}},
		{Kind: notes.KindChange, Text: []byte("text")}, {Kind: notes.KindCopies, Run: copies},
	}, list)
	assert.Equal(t, []string{"key=data", "=", "k=d"}, records)
	for n := range b { // cut off anywhere it is an error or fewer notes
		list, _, err := read(b[:n])
		assert.True(t, err != nil || len(list) < 5, "%d bytes", n)
	}
}

func FuzzReader(f *testing.F) {
	b := notes.AppendRun(nil, notes.KindRun, notes.Run{Shard: 1, Index: 2, Ms: 3, First: 1, Count: 1})
	f.Add(notes.AppendChange(notes.AppendTrim(notes.AppendRecord(b, "k", []byte("d")), 1, 2), []byte("{}")))
	f.Fuzz(func(_ *testing.T, b []byte) { read(b) })
}
