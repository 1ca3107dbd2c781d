package journal

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

// A Chunk is sound frames of a file that were read at once.
type Chunk struct {
	File   uint64
	At, To int64
	Groups []Noted
}

// A Noted is the notes of a group that was read again.
type Noted struct {
	At    int64
	Notes []byte
}

// readAhead is how much ReadChunk reads, and then the rest of the last frame if
// that is no larger.
const readAhead = 256 << 10

// ReadChunk reads the frames of a file from one on: as many as lie before most
// or begin in 256 KiB, but one at least. Their memory is buf, if that is
// large enough.
// The file may be the one that is being written: what is not a sound frame yet
// ends the chunk. It is a [*Damage] only where the chunk is to begin.
func (d *Directory) ReadChunk(file uint64, at, most int64, buf []byte) (c *Chunk, memory []byte, err error) {
	d.mu.Lock()
	closed := d.closed
	d.mu.Unlock()
	if closed {
		return nil, buf, ErrClosed
	}
	f, err := d.fs.Open(fileName(file), true)
	if err != nil {
		return nil, buf, err
	}
	defer f.Close()
	if buf, err = readUpTo(f, at, int(min(readAhead, most-at)), buf); err != nil {
		return nil, buf, err
	}
	c = &Chunk{File: file, At: at, To: at}
	number := uint64(0)
	if len(buf) >= headBytes {
		if buf, err = readRest(f, at, buf); err != nil {
			return nil, buf, err
		}
		number = binary.LittleEndian.Uint64(buf[8:])
	}
	frames := &frameReader{size: at + int64(len(buf)), at: at, number: number, buf: buf, bufAt: at}
	for {
		fr, err := frames.next()
		if bad := errBad(""); errors.As(err, &bad) && c.To == at {
			return nil, buf, &Damage{fileName(file), at, bad.Error()}
		}
		if err == io.EOF && c.To == at {
			return nil, buf, &Damage{fileName(file), at, "the file ends here"}
		}
		if err != nil {
			return c, buf, nil
		}
		if fr.kind == kindGroup {
			c.Groups = append(c.Groups, Noted{fr.at, fr.content})
		}
		c.To = frames.at
	}
}

// readRest reads on where buf does not have all of the last frame in it, or of
// the only one. What says how long the frame is may be damaged: there may be
// less, and what is not there takes no memory.
func readRest(f File, at int64, buf []byte) ([]byte, error) {
	begin, n := 0, int64(0)
	for {
		if len(buf)-begin < headBytes || binary.LittleEndian.Uint32(buf[begin:]) != frameMark {
			return buf, nil
		}
		n = headBytes + int64(binary.LittleEndian.Uint32(buf[begin+4:]))
		if n > int64(len(buf)-begin) {
			break
		}
		begin += int(n)
	}
	if begin > 0 && n > readAhead {
		return buf, nil
	}
	end := at + int64(begin) + n
	if size, err := f.Size(); err != nil || end > size {
		return buf, err
	}
	have := len(buf)
	rest, err := readUpTo(f, at+int64(have), int(end-at)-have, buf[have:have:cap(buf)])
	if have+len(rest) <= cap(buf) {
		return buf[:have+len(rest)], err
	}
	return slices.Concat(buf, rest), err
}

// readUpTo reads up to n bytes of a file into buf, or into memory that is
// larger.
func readUpTo(f File, at int64, n int, buf []byte) ([]byte, error) {
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	n, err := f.ReadAt(buf[:n], at)
	if err == io.EOF {
		err = nil
	}
	return buf[:n], err
}

// DamageAt returns the damage that is what is said of a place.
func DamageAt(file uint64, at int64, reason string) error { return &Damage{fileName(file), at, reason} }
