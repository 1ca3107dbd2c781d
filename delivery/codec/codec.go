// Package codec compresses objects with Zstandard and Snappy, as package
// delivery does with gzip and zip.
package codec

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/delivery"
)

// MaxZstdLevel is the highest level of [Zstd].
const MaxZstdLevel = 22

// Zstd returns the codec of RFC 8878, one frame with a checksum for each object,
// in files that end in .zst. level is one of the zstd command, 1 to
// [MaxZstdLevel], of which there are fewer here: 1 to 2, 3 to 5, 6 to 9, and 10
// upwards do the same. Zero means 3. While an object is compressed it takes 8 MB at
// level 1, 20 MB at 3, 50 MB from 10 on.
func Zstd(level int) (delivery.Codec, error) {
	if level < 0 || level > MaxZstdLevel {
		return nil, &weir.ArgumentError{Field: "level", Reason: fmt.Sprintf("%d is none of zstd, 1 to %d", level, MaxZstdLevel)}
	}
	if level == 0 {
		level = 3
	}
	return &zstdCodec{level: zstd.EncoderLevelFromZstd(level)}, nil
}

type zstdCodec struct {
	level zstd.EncoderLevel
	idle  sync.Pool // of *zstd.Encoder: what one has made serves the next object
}

func (c *zstdCodec) Name() string            { return "zstd" }
func (c *zstdCodec) Extension() string       { return ".zst" }
func (c *zstdCodec) ContentEncoding() string { return "zstd" }
func (c *zstdCodec) ContentType() string     { return "" }

func (c *zstdCodec) NewWriter(w io.Writer, _ string) (io.WriteCloser, error) {
	if z, ok := c.idle.Get().(*zstd.Encoder); ok {
		z.Reset(w)
		return &pooledZstd{z, c}, nil
	}
	// With one encoder it works in the goroutine of the caller, and none is left
	// if it is not closed.
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(c.level), zstd.WithEncoderConcurrency(1))
	return &pooledZstd{z, c}, err
}

// A pooledZstd goes back to its codec when it is closed.
type pooledZstd struct {
	*zstd.Encoder
	codec *zstdCodec
}

func (p *pooledZstd) Close() error {
	err := p.Encoder.Close()
	if err == nil {
		p.codec.idle.Put(p.Encoder)
	}
	return err
}

// Snappy returns the codec of Snappy's framing format, in files that end in
// .snappy: https://github.com/google/snappy/blob/main/framing_format.txt. What
// reads files of Hadoop does not read these: see [HadoopSnappy].
func Snappy() delivery.Codec { return new(snappyCodec) }

type snappyCodec struct {
	idle sync.Pool // of *s2.Writer
}

func (c *snappyCodec) Name() string            { return "snappy" }
func (c *snappyCodec) Extension() string       { return ".snappy" }
func (c *snappyCodec) ContentEncoding() string { return "" }
func (c *snappyCodec) ContentType() string     { return "application/x-snappy-framed" }

func (c *snappyCodec) NewWriter(w io.Writer, _ string) (io.WriteCloser, error) {
	if s, ok := c.idle.Get().(*s2.Writer); ok {
		s.Reset(w)
		return &pooledSnappy{s, c}, nil
	}
	return &pooledSnappy{s2.NewWriter(w, s2.WriterSnappyCompat(), s2.WriterConcurrency(1)), c}, nil
}

// A pooledSnappy goes back to its codec when it is closed.
type pooledSnappy struct {
	*s2.Writer
	codec *snappyCodec
}

func (p *pooledSnappy) Close() error {
	err := p.Writer.Close()
	if err == nil {
		p.codec.idle.Put(p.Writer)
	}
	return err
}

// HadoopSnappy returns the codec of Hadoop's SnappyCodec, which Hive, Spark and
// Athena read in text files that end in .snappy: blocks of 256 KiB, each with its
// two lengths before it.
func HadoopSnappy() delivery.Codec { return new(hadoopCodec) }

type hadoopCodec struct {
	idle sync.Pool // of *hadoopWriter
}

func (c *hadoopCodec) Name() string            { return "hadoop-snappy" }
func (c *hadoopCodec) Extension() string       { return ".snappy" }
func (c *hadoopCodec) ContentEncoding() string { return "" }
func (c *hadoopCodec) ContentType() string     { return "application/x-hadoop-snappy" }

func (c *hadoopCodec) NewWriter(w io.Writer, _ string) (io.WriteCloser, error) {
	h, ok := c.idle.Get().(*hadoopWriter)
	if !ok {
		h = &hadoopWriter{codec: c, block: make([]byte, 0, hadoopBlock)}
	}
	h.w, h.block = w, h.block[:0]
	return h, nil
}

// hadoopBlock is how much Hadoop's readers make room for, if nobody has told
// them otherwise: io.compression.codec.snappy.buffersize.
const hadoopBlock = 256 << 10

// A hadoopWriter collects blocks, and writes each when it is full.
type hadoopWriter struct {
	codec      *hadoopCodec
	w          io.Writer
	block      []byte // what is not written yet, with room for hadoopBlock bytes
	compressed []byte // of the last block, with the lengths before it
}

func (h *hadoopWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		part := min(len(p), hadoopBlock-len(h.block))
		h.block = append(h.block, p[:part]...)
		p = p[part:]
		if len(h.block) == hadoopBlock {
			if err := h.flush(); err != nil {
				return n - len(p), err
			}
		}
	}
	return n, nil
}

// flush writes the block: its length, the length of the one piece that it is
// compressed to, and that.
func (h *hadoopWriter) flush() error {
	if most := s2.MaxEncodedLen(hadoopBlock); h.compressed == nil {
		h.compressed = make([]byte, 8+most)
	}
	piece := s2.EncodeSnappy(h.compressed[8:], h.block)
	binary.BigEndian.PutUint32(h.compressed, uint32(len(h.block)))
	binary.BigEndian.PutUint32(h.compressed[4:], uint32(len(piece)))
	h.block = h.block[:0]
	_, err := h.w.Write(h.compressed[:8+len(piece)])
	return err
}

func (h *hadoopWriter) Close() error {
	if len(h.block) > 0 {
		if err := h.flush(); err != nil {
			return err
		}
	}
	h.w = nil
	h.codec.idle.Put(h)
	return nil
}
