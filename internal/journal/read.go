package journal

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io"
)

// A Chunk is sound frames of a file that were read at once.
type Chunk struct {
	File   uint64
	At, To int64
	Memory []byte // of the file from At on
	Groups []Noted
}

// A Noted is the notes of a group that was read again.
type Noted struct {
	At    int64
	Notes []byte
	From  int // where they begin in the chunk's memory
}

// ReadAhead is how much ReadChunk reads, or one frame if that is larger.
const ReadAhead = 512 << 10

const (
	// peekBytes is how much it reads to see how large the next frame is, if the
	// one before was larger than largeFrame. Where frames are smaller it is
	// cheaper to read a part of one that is read again.
	peekBytes, largeFrame = 4 << 10, 64 << 10
)

// ReadChunk reads the frames of a file from one on: as many as lie before most
// and have 512 KiB together, but one at least. Their memory is what alloc
// returns for so many bytes, and is returned with an error too.
// The file may be the one that is being written: what is not a sound frame yet
// ends the chunk. It is a [*Damage] only where the chunk is to begin.
func (d *Directory) ReadChunk(file uint64, at, most int64, alloc func(n int) []byte) (*Chunk, error) {
	d.mu.Lock()
	closed := d.closed
	d.mu.Unlock()
	c := &Chunk{File: file, At: at, To: at}
	if closed {
		return c, ErrClosed
	}
	f, err := d.fs.Open(fileName(file), true)
	if err != nil {
		return c, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return c, err
	}
	left := max(0, min(most, size)-at)
	end, err := measure(f, at, left)
	if err != nil {
		return c, err
	}
	c.Memory = alloc(int(cmp.Or(end, min(peekBytes, left))))
	n, err := f.ReadAt(c.Memory, at)
	if err != nil && err != io.EOF {
		return c, err
	}
	if n < len(c.Memory) { // the file has become shorter
		c.Memory, end, left = c.Memory[:n], 0, int64(n)
	}
	return c, c.parse(cmp.Or(end, left))
}

// parse finds the groups of a chunk in so many bytes, of which Memory may have
// less only if no frame is there.
func (c *Chunk) parse(size int64) error {
	frames := &frameReader{size: c.At + size, at: c.At, buf: c.Memory, bufAt: c.At}
	if len(c.Memory) >= headBytes {
		frames.number = binary.LittleEndian.Uint64(c.Memory[8:])
	}
	for {
		fr, err := frames.next()
		if bad := errBad(""); errors.As(err, &bad) && c.To == c.At {
			return &Damage{fileName(c.File), c.At, bad.Error()}
		}
		if err == io.EOF && c.To == c.At {
			return &Damage{fileName(c.File), c.At, "the file ends here"}
		}
		if err != nil {
			return nil
		}
		if fr.kind == kindGroup {
			c.Groups = append(c.Groups, Noted{fr.at, fr.content, int(fr.at-c.At) + headBytes + 1})
		}
		c.To = frames.at
	}
}

// measure returns how much to read of the left bytes of a file: as many frames
// as have ReadAhead bytes together, or one that is larger, or zero if there is
// none. If they are small the last may be cut off.
func measure(f File, at, left int64) (end int64, err error) {
	limit := min(ReadAhead, left)
	buf := make([]byte, min(peekBytes, left))
	for end < limit {
		n, err := f.ReadAt(buf[:min(peekBytes, left-end)], at+end)
		if err != nil && err != io.EOF {
			return 0, err
		}
		next, last := hop(buf[:n], end, limit, left)
		if next == end || next-end+headBytes <= int64(n) {
			return next, nil // what comes is not for this chunk, or is no frame
		}
		if end = next; last <= largeFrame {
			return limit, nil
		}
	}
	return end, nil
}

// hop returns where the frames end whose heads are in b, which begins at a
// place: as many as lie before limit, but one if there is one. It also returns
// how large the last is.
func hop(b []byte, at, limit, left int64) (end, last int64) {
	for end = at; end-at+headBytes <= int64(len(b)); end += last {
		head := b[end-at:]
		length := int64(binary.LittleEndian.Uint32(head[4:]))
		n := headBytes + length
		// What says how long a frame is may be damaged: what is not there takes no
		// memory.
		if binary.LittleEndian.Uint32(head) != frameMark || length > maxContent || end+n > left || end > 0 && end+n > limit {
			break
		}
		last = n
	}
	return end, last
}

// DamageAt returns the damage that is what is said of a place.
func DamageAt(file uint64, at int64, reason string) error { return &Damage{fileName(file), at, reason} }
