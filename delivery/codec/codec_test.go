package codec_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/delivery/codec"
)

func newZstd(t testing.TB, level int) delivery.Codec {
	t.Helper()
	c, err := codec.Zstd(level)
	require.NoError(t, err)
	return c
}

// readers take apart what the codecs of these names make.
var readers = map[string]func(b []byte) ([]byte, error){
	"zstd": func(b []byte) ([]byte, error) {
		d, err := zstd.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		defer d.Close()
		return io.ReadAll(d)
	},
	"snappy":        func(b []byte) ([]byte, error) { return io.ReadAll(snappy.NewReader(bytes.NewReader(b))) },
	"hadoop-snappy": readHadoop,
}

// readHadoop reads as Hadoop's BlockDecompressorStream does: a block has pieces
// until their lengths are that of the block.
func readHadoop(b []byte) ([]byte, error) {
	var out []byte
	length := func() int {
		n := binary.BigEndian.Uint32(b)
		b = b[4:]
		return int(n)
	}
	for len(b) > 0 {
		for block := length(); block > 0; {
			n := length()
			piece, err := s2.Decode(nil, b[:n])
			if err != nil || len(piece) > 256<<10 {
				return nil, fmt.Errorf("a piece of %d bytes: %v", len(piece), err)
			}
			out, b, block = append(out, piece...), b[n:], block-len(piece)
		}
	}
	return out, nil
}

func compress(t testing.TB, c delivery.Codec, parts ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := c.NewWriter(&b, "entry")
	require.NoError(t, err)
	for _, p := range parts {
		n, err := w.Write(p)
		require.NoError(t, err)
		require.Equal(t, len(p), n)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestCodec_givesBackWhatItWasGiven(t *testing.T) {
	random := make([]byte, 700_000)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	for _, c := range []delivery.Codec{newZstd(t, 0), newZstd(t, 1), newZstd(t, 22), codec.Snappy(), codec.HadoopSnappy()} {
		for name, parts := range map[string][][]byte{
			"nothing":           nil,
			"a byte":            {{1}},
			"lines":             bytes.SplitAfter([]byte(strings.Repeat("a line of a log\n", 50_000)), []byte("\n")),
			"random":            {random},
			"a block":           {random[:256<<10]},
			"a block and more":  {random[:256<<10], random[:1]},
			"less than a block": {random[:256<<10-1]},
		} {
			compressed := compress(t, c, parts...)
			got, err := readers[c.Name()](compressed)
			require.NoError(t, err, "%s of %s", name, c.Name())
			assert.True(t, bytes.Equal(bytes.Join(parts, nil), got), "%s of %s", name, c.Name())
			if name == "lines" {
				assert.Less(t, len(compressed), len(got)/10)
			}
			assert.Equal(t, compressed, compress(t, c, parts...), "the same each time")
		}
	}
}

func TestCodec_saysWhatItIs(t *testing.T) {
	for _, row := range []struct {
		codec                                  delivery.Codec
		name, extension, encoding, contentType string
	}{
		{newZstd(t, 0), "zstd", ".zst", "zstd", ""},
		{codec.Snappy(), "snappy", ".snappy", "", "application/x-snappy-framed"},
		{codec.HadoopSnappy(), "hadoop-snappy", ".snappy", "", "application/x-hadoop-snappy"},
	} {
		c := row.codec
		assert.Equal(t, []string{row.name, row.extension, row.encoding, row.contentType},
			[]string{c.Name(), c.Extension(), c.ContentEncoding(), c.ContentType()})
	}
}

func TestZstd_hasTheLevelsOfItsCommand(t *testing.T) {
	for _, level := range []int{-1, codec.MaxZstdLevel + 1} {
		_, err := codec.Zstd(level)
		assert.EqualError(t, err, fmt.Sprintf("level: %d is none of zstd, 1 to 22", level))
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	}
	text := []byte(nil)
	for i := range 20_000 {
		text = fmt.Appendf(text, `{"n":%d,"user":"u%d","page":"/p/%d"}`+"\n", i, i*7919%997, i*31%71)
	}
	assert.Less(t, len(compress(t, newZstd(t, 10), text)), len(compress(t, newZstd(t, 1), text)))
	assert.Equal(t, compress(t, newZstd(t, 0), text), compress(t, newZstd(t, 3), text))
}

// A codec is asked by several goroutines, and a writer that failed is forgotten
// without being closed.
func TestCodec_servesManyAtATime(t *testing.T) {
	for _, c := range []delivery.Codec{newZstd(t, 0), codec.Snappy(), codec.HadoopSnappy()} {
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				text := bytes.Repeat([]byte{byte(worker)}, 300_000)
				for range 10 {
					failed, err := c.NewWriter(failing{}, "")
					assert.NoError(t, err)
					_, _ = failed.Write(text)
					got, err := readers[c.Name()](compress(t, c, text))
					assert.NoError(t, err)
					assert.True(t, bytes.Equal(text, got))
				}
			})
		}
		all.Wait()
	}
}

var errFull = errors.New("full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }

func TestCodec_returnsTheErrorOfItsWriter(t *testing.T) {
	for _, c := range []delivery.Codec{newZstd(t, 0), codec.Snappy(), codec.HadoopSnappy()} {
		w, err := c.NewWriter(failing{}, "")
		require.NoError(t, err)
		_, err = w.Write(bytes.Repeat([]byte("x"), 1<<20))
		if err == nil {
			err = w.Close()
		}
		assert.ErrorIs(t, err, errFull, c.Name())
	}
}

func Example() {
	c, err := codec.Zstd(3)
	if err != nil {
		panic(err)
	}
	var object bytes.Buffer
	w, err := c.NewWriter(&object, "")
	if err != nil {
		panic(err)
	}
	fmt.Fprint(w, strings.Repeat("a record\n", 1000))
	if err := w.Close(); err != nil {
		panic(err)
	}
	fmt.Println(c.Extension(), object.Len() < 100)
	// Output: .zst true
}
