package weir_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// Whoever takes aggregates apart need not look at each record: the stream says
// whether there is any, however it came to be there.
func TestReader_mayAggregate(t *testing.T) {
	const magic = "\xf3\x89\x9a\xc2"
	may := func(t *testing.T, s *weir.Stream) bool {
		r, err := s.NewReader("", weir.TrimHorizon())
		require.NoError(t, err)
		defer r.Close()
		return r.MayAggregate()
	}
	puts := map[string]func(s *weir.Stream, data []byte) error{
		"PutRecord": func(s *weir.Stream, data []byte) error {
			_, err := s.PutRecord(t.Context(), "k", data)
			return err
		},
		"PutRecords": func(s *weir.Stream, data []byte) error {
			_, err := s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "j", Data: []byte("x")}, {PartitionKey: "k", Data: data}})
			return err
		},
		"PutCopies": func(s *weir.Stream, data []byte) error {
			_, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", Data: data}, 3)
			return err
		},
	}
	for name, put := range puts {
		t.Run(name, func(t *testing.T) {
			s, _ := clocked(t, weir.Config{Shards: 2})
			require.NoError(t, put(s, []byte(magic[:3]+"\xc3 is none")))
			require.NoError(t, put(s, []byte(magic)))
			assert.False(t, may(t, s))
			require.NoError(t, put(s, []byte(magic+"is one")))
			assert.True(t, may(t, s))

			var saved bytes.Buffer
			require.NoError(t, s.Save(&saved))
			loaded, err := weir.LoadStream(&saved, weir.Config{})
			require.NoError(t, err)
			assert.True(t, may(t, loaded))
		})
	}
	t.Run("on disk", func(t *testing.T) {
		s := newSpilled(t, 1, 0)
		_, err := s.PutRecord(t.Context(), "k", []byte(magic+"is one"))
		require.NoError(t, err)
		for i := range 200 { // it leaves memory
			s.put(i)
		}
		require.NoError(t, s.Close())
		s.open()
		assert.True(t, may(t, s.Stream))
	})
	t.Run("no reader", func(t *testing.T) { assert.False(t, new(weir.Reader).MayAggregate()) })
}
