package journal

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// A file begins with a line that names its format, and goes on in frames:
//
//	| mark 4 | length 4 | number 8 | CRC-32C 4 | kind 1 | length-1 bytes |
//
// Numbers are little-endian. The checksum is of length, number, kind and
// content. Frame numbers rise by one over all files. The first frame of a file
// is its head.
const (
	magic      = "weir journal 1\n\n" // 16 bytes
	magicName  = "weir journal "
	headBytes  = 20
	frameMark  = 0x52494557 // "WEIR"
	maxContent = 1 << 30
)

type kind byte

const (
	kindHead     kind = 'h' // number of the file, size of the one before, policy, state
	kindOpened   kind = 'o' // policy: a process goes on writing
	kindGroup    kind = 'g' // notes
	kindEnd      kind = 'e' // the process has closed the journal
	kindRepaired kind = 'r' // mark: what came here was damaged, and was cut off
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendHead appends room for the head of a frame, and its kind.
func appendHead(b []byte, k kind) []byte {
	return append(append(b, make([]byte, headBytes)...), byte(k))
}

// seal fills in the head of a frame that b is.
func seal(b []byte, number uint64) {
	binary.LittleEndian.PutUint32(b, frameMark)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-headBytes))
	binary.LittleEndian.PutUint64(b[8:], number)
	binary.LittleEndian.PutUint32(b[16:], checksum(b))
}

func checksum(frame []byte) uint32 {
	sum := crc32.Update(0, castagnoli, frame[4:16])
	return crc32.Update(sum, castagnoli, frame[headBytes:])
}

// A frame is one that was read. Content is valid until the next is read.
type frame struct {
	at      int64 // where it begins in the file
	kind    kind
	content []byte
}

// A frameReader reads the frames of a file one after the other.
type frameReader struct {
	file   io.ReaderAt // nil if buf has all that is read
	size   int64
	at     int64 // where the next frame begins
	number uint64
	buf    []byte // of the file from bufAt on
	bufAt  int64
}

// chunk is how much is read at once.
const chunk = 1 << 20

// errBad says why there is no frame where one should be.
type errBad string

func (e errBad) Error() string { return string(e) }

// next returns the next frame, [io.EOF] behind the last, or an errBad where
// there is none; other errors are the file's.
func (r *frameReader) next() (frame, error) {
	left := r.size - r.at
	if left == 0 {
		return frame{}, io.EOF
	}
	head, err := r.peek(int(min(headBytes, left)))
	if err != nil {
		return frame{}, err
	}
	if isBlank(head) {
		if r.file == nil {
			return frame{}, io.EOF
		}
		if end, err := r.written(); err != nil || end == r.at {
			return frame{}, cmp.Or(err, io.EOF)
		}
	}
	if left < headBytes+1 {
		return frame{}, errBad(fmt.Sprintf("%d bytes are left, less than a frame has", left))
	}
	length := int64(binary.LittleEndian.Uint32(head[4:]))
	switch {
	case binary.LittleEndian.Uint32(head) != frameMark:
		return frame{}, errBad("no frame begins here")
	case length < 1 || length > maxContent:
		return frame{}, errBad(fmt.Sprintf("a frame of %d bytes", length))
	case length > left-headBytes:
		return frame{}, errBad(fmt.Sprintf("a frame of %d bytes, of which %d are there", length, left-headBytes))
	}
	b, err := r.peek(int(headBytes + length))
	if err != nil {
		return frame{}, err
	}
	if binary.LittleEndian.Uint32(b[16:]) != checksum(b) {
		return frame{}, errBad("the checksum is wrong")
	}
	if n := binary.LittleEndian.Uint64(b[8:]); n != r.number {
		return frame{}, errBad(fmt.Sprintf("frame %d is here, where %d should be", n, r.number))
	}
	f := frame{at: r.at, kind: kind(b[headBytes]), content: b[headBytes+1:]}
	r.at += headBytes + length
	r.number++
	return f, nil
}

// peek returns n bytes from r.at on, which are there.
func (r *frameReader) peek(n int) ([]byte, error) {
	if from := r.at - r.bufAt; from+int64(n) <= int64(len(r.buf)) {
		return r.buf[from : from+int64(n)], nil
	}
	want := max(n, chunk)
	want = int(min(int64(want), r.size-r.at))
	if cap(r.buf) < want {
		r.buf = make([]byte, want)
	}
	r.buf, r.bufAt = r.buf[:want], r.at
	if _, err := r.file.ReadAt(r.buf, r.at); err != nil {
		r.buf = r.buf[:0]
		return nil, whileReading(err)
	}
	return r.buf[:n], nil
}

// whileReading returns an error of reading what is there: it is no end, though
// the file has become shorter.
func whileReading(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// isBlank reports whether b is nothing but zeros.
func isBlank(b []byte) bool { return len(bytes.TrimRight(b, "\x00")) == 0 }

// written returns where the zeros begin that a file ends with, or the reader's
// place if nothing else follows that: room for frames that were never written.
func (r *frameReader) written() (end int64, err error) {
	b := make([]byte, min(chunk, r.size-r.at))
	for end = r.size; end > r.at; {
		b = b[:min(int64(len(b)), end-r.at)]
		if _, err := r.file.ReadAt(b, end-int64(len(b))); err != nil {
			return 0, whileReading(err)
		}
		end -= int64(len(b))
		if n := len(bytes.TrimRight(b, "\x00")); n > 0 {
			return end + int64(n), nil
		}
	}
	return end, nil
}

// torn returns how many bytes there are of the frame that could not be read,
// without the zeros that were there before it was written.
func (r *frameReader) torn() (int64, error) {
	left := r.size - r.at
	if left <= headBytes {
		return left, nil
	}
	head, err := r.peek(headBytes)
	if err != nil {
		return 0, err
	}
	if length := int64(binary.LittleEndian.Uint32(head[4:])); binary.LittleEndian.Uint32(head) == frameMark && length <= maxContent {
		return min(left, headBytes+length), nil
	}
	end, err := r.written()
	return end - r.at, err
}

// follows reports whether a sound frame begins anywhere behind a place where
// there is none, whose number is not before the reader's. If so, what lies
// between was synced once, because frames are written one after the other.
func (r *frameReader) follows() (bool, error) {
	tail := make([]byte, r.size-r.at)
	if _, err := r.file.ReadAt(tail, r.at); err != nil && err != io.EOF {
		return false, err
	}
	begin, _ := soundFrame(tail[min(1, len(tail)):], r.number)
	return begin >= 0, nil
}

// nextMark returns where the next mark of a frame is, or -1.
func nextMark(b []byte) int {
	var mark [4]byte
	binary.LittleEndian.PutUint32(mark[:], frameMark)
	return bytes.Index(b, mark[:])
}

// soundFrame returns where in b the next sound frame is whose number is not
// before one, with begin less than 0 if there is none.
func soundFrame(b []byte, number uint64) (begin, end int) {
	for at := 0; ; at++ {
		i := nextMark(b[at:])
		if i < 0 {
			return -1, 0
		}
		at += i
		if len(b)-at <= headBytes {
			return -1, 0
		}
		length := int64(binary.LittleEndian.Uint32(b[at+4:]))
		if length < 1 || length > int64(len(b)-at-headBytes) {
			continue
		}
		end := at + headBytes + int(length)
		if f := b[at:end]; binary.LittleEndian.Uint64(f[8:]) >= number && binary.LittleEndian.Uint32(f[16:]) == checksum(f) {
			return at, end
		}
	}
}
