package kinesisclient

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

func putsOf(key string) func([]byte) []byte {
	q := request{stream: "orders", entries: []weir.Entry{{PartitionKey: strings.Repeat(key, 200), Data: []byte("data")}}}
	return q.appendJSON
}

// The memory of a body is used again, but not while somebody may read it.
func TestPutBody_leavesAloneWhatIsStillRead(t *testing.T) {
	for i := range 100 {
		var signed, sent strings.Builder
		b := new(putBody)
		b.write(putsOf("a"))
		_, err := io.Copy(&signed, b)
		require.NoError(t, err)
		_, err = b.Seek(0, io.SeekStart)
		require.NoError(t, err)
		_, err = io.CopyN(&sent, b, 100)
		require.NoError(t, err)
		if i%2 == 0 { // the call is over; else another attempt
			b.recycle()
		} else {
			_, err = b.Seek(0, io.SeekStart)
			require.NoError(t, err)
			sent.Reset()
		}
		c := new(putBody)
		c.write(putsOf("b"))
		_, err = io.Copy(&sent, struct{ io.Reader }{b})
		require.NoError(t, err)
		require.Equal(t, signed.String(), sent.String())
		b.recycle()
		d := new(putBody)
		d.write(putsOf("c"))
		var other strings.Builder
		_, err = io.Copy(&other, c)
		require.NoError(t, err)
		assert.Contains(t, other.String(), strings.Repeat("b", 200))
		c.recycle()
	}
}

// A text is plain if each of its bytes is, wherever that stands.
func TestIsPlain_looksAtEachByte(t *testing.T) {
	for length := range 20 {
		assert.True(t, isPlain(strings.Repeat("~", length)))
		for at := range length {
			for c := range 256 {
				text := strings.Repeat("a", at) + string([]byte{byte(c)}) + strings.Repeat(" ", length-at-1)
				plain := c >= ' ' && c != '"' && c != '\\' && c < 0x80
				require.Equal(t, plain, isPlain(text), "%q", text)
			}
		}
	}
	assert.True(t, isPlain("a key with é and 鍵"))
	assert.False(t, isPlain("a key with é and \xff"))
	assert.False(t, isPlain("é\n"))
}
