package delivery

import (
	"archive/zip"
	"compress/gzip"
	"fmt"
	"io"
	"sync"

	"github.com/weirstream/weir"
)

// A Codec compresses objects. It is called by several goroutines at a time.
type Codec interface {
	// Name is what commands and settings call it, such as "gzip".
	Name() string
	// Extension is what object names end in, with its dot, such as ".gz".
	Extension() string
	// ContentEncoding is the token of HTTP for it, such as "gzip". If it is
	// empty, ContentType is the media type of what the codec makes, such as
	// "application/zip"; else that of the content stays.
	ContentEncoding() string
	ContentType() string
	// NewWriter returns a writer that compresses what is written to it into w.
	// Its Close ends the compressed form, does not close w, and is called once;
	// nothing is written afterwards. A writer that is not closed, after an error,
	// is forgotten. entry is the name of what is within, without
	// directories and without the codec's extension, for forms that have names.
	NewWriter(w io.Writer, entry string) (io.WriteCloser, error)
}

// Gzip returns the codec of RFC 1952, one member for each object. level is one
// of package compress/gzip: 0, no compression, to 9, or
// [gzip.DefaultCompression], which is -1.
func Gzip(level int) (Codec, error) {
	if _, err := gzip.NewWriterLevel(io.Discard, level); err != nil {
		return nil, &weir.ArgumentError{Field: "level", Reason: fmt.Sprintf("%d is none of gzip, -2 to 9", level)}
	}
	return &gzipCodec{level: level}, nil
}

type gzipCodec struct {
	level int
	idle  sync.Pool // of *gzip.Writer: each takes about a megabyte to make
}

func (c *gzipCodec) Name() string            { return "gzip" }
func (c *gzipCodec) Extension() string       { return ".gz" }
func (c *gzipCodec) ContentEncoding() string { return "gzip" }
func (c *gzipCodec) ContentType() string     { return "" }

func (c *gzipCodec) NewWriter(w io.Writer, _ string) (io.WriteCloser, error) {
	if z, ok := c.idle.Get().(*gzip.Writer); ok {
		z.Reset(w)
		return &pooledGzip{z, c}, nil
	}
	z, err := gzip.NewWriterLevel(w, c.level)
	return &pooledGzip{z, c}, err
}

// A pooledGzip goes back to its codec when it is closed.
type pooledGzip struct {
	*gzip.Writer
	codec *gzipCodec
}

func (p *pooledGzip) Close() error {
	err := p.Writer.Close()
	if err == nil {
		p.codec.idle.Put(p.Writer)
	}
	return err
}

// Zip returns the codec that makes an archive with one entry, deflated.
func Zip() Codec { return zipCodec{} }

type zipCodec struct{}

func (zipCodec) Name() string            { return "zip" }
func (zipCodec) Extension() string       { return ".zip" }
func (zipCodec) ContentEncoding() string { return "" }
func (zipCodec) ContentType() string     { return "application/zip" }

func (zipCodec) NewWriter(w io.Writer, entry string) (io.WriteCloser, error) {
	archive := zip.NewWriter(w)
	within, err := archive.Create(entry)
	return &zipWriter{within, archive}, err
}

type zipWriter struct {
	io.Writer
	archive *zip.Writer
}

func (z *zipWriter) Close() error { return z.archive.Close() }
