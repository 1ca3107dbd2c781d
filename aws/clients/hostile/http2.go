package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"net"
	"sync"
	"time"
)

// A client of HTTP/2 that does what it likes: the frames of RFC 9113, headers as
// RFC 7541 has them at their simplest, and no rules.

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// The types of frames.
const (
	frameData = iota
	frameHeaders
	framePriority
	frameReset
	frameSettings
	framePush
	framePing
	frameGoAway
	frameWindow
	frameContinuation
)

const (
	flagEndStream  = 1
	flagAck        = 1
	flagEndHeaders = 4

	settingTableSize     = 1
	settingInitialWindow = 4
)

// A session is a connection of HTTP/2.
type session struct {
	net.Conn
	a    *attacker
	mu   sync.Mutex // guards writing and out
	out  []byte
	next uint32        // the next stream's number
	done chan struct{} // closed when listen returns
}

// openSession opens a connection and says whether there is one. The server's
// answers get a window of so many bytes for each stream.
func (a *attacker) openSession(window uint32, readBuffer int) *session {
	c := a.dial(readBuffer)
	if c == nil {
		return nil
	}
	s := &session{Conn: c, a: a, next: 1, done: make(chan struct{})}
	settings := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(nil, settingInitialWindow), window)
	// Without a table of headers each answer can be read by itself.
	settings = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(settings, settingTableSize), 0)
	s.mu.Lock()
	s.out = append(s.out, preface...)
	s.mu.Unlock()
	s.frame(frameSettings, 0, 0, settings)
	s.flush()
	return s
}

// frame adds a frame to what is to be written.
func (s *session) frame(kind, flags byte, stream uint32, payload []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(payload)
	s.out = append(s.out, byte(n>>16), byte(n>>8), byte(n), kind, flags)
	s.out = append(binary.BigEndian.AppendUint32(s.out, stream), payload...)
}

// flush writes what was added, and reports whether the connection still takes
// it.
func (s *session) flush() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.SetWriteDeadline(time.Now().Add(answerTime))
	_, err := s.Write(s.out)
	s.out = s.out[:0]
	return err == nil
}

// A field is a header field.
type field struct{ name, value string }

// fieldsOf are the header fields of a request.
func fieldsOf(operation, contentType string, more ...field) []field {
	return append([]field{{":method", "POST"}, {":scheme", "http"}, {":authority", "localhost"}, {":path", "/"},
		{"content-type", contentType}, {"x-amz-target", prefix + operation}}, more...)
}

// appendFields appends header fields, each literally.
func appendFields(b []byte, fields ...field) []byte {
	const literal = 0x00 // and not to be remembered
	for _, f := range fields {
		b = append(b, literal)
		b = append(appendLength(b, len(f.name)), f.name...)
		b = append(appendLength(b, len(f.value)), f.value...)
	}
	return b
}

// appendLength appends the length of a text that is not compressed.
func appendLength(b []byte, n int) []byte {
	const most = 127
	if n < most {
		return append(b, byte(n))
	}
	return binary.AppendUvarint(append(b, most), uint64(n-most))
}

// open opens a stream with a request, whose body follows unless end is set.
func (s *session) open(fields []byte, end bool) (stream uint32) {
	flags := byte(flagEndHeaders)
	if end {
		flags |= flagEndStream
	}
	stream = s.next
	s.next += 2
	s.frame(frameHeaders, flags, stream, fields)
	return stream
}

// listen reads what the server sends until the connection ends, and counts
// answers and other ends of streams.
func (s *session) listen() {
	defer close(s.done)
	const headBytes = 9
	r := bufio.NewReaderSize(s.Conn, 4<<10)
	head := make([]byte, headBytes)
	for {
		if _, err := io.ReadFull(r, head); err != nil {
			return
		}
		n := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		switch kind, flags := head[3], head[4]; {
		case kind == frameHeaders:
			payload := make([]byte, n)
			if _, err := io.ReadFull(r, payload); err != nil {
				return
			}
			if status := statusOf(payload); status > 0 {
				s.a.answered(status)
			}
			continue
		case kind == frameReset:
			s.a.other("reset")
		case kind == frameGoAway:
			s.a.other("goaway")
		case kind == frameSettings && flags&flagAck == 0:
			s.frame(frameSettings, flagAck, 0, nil)
			s.flush()
		}
		if _, err := io.CopyN(io.Discard, r, n); err != nil {
			return
		}
	}
}

// statusOf reads the status of an answer from its header fields: the first of
// them, but for changes of the table's size.
func statusOf(b []byte) int {
	const (
		indexed, sizeUpdate, sizeMask = 0x80, 0x20, 0xe0
		firstStatus, lastStatus       = 8, 14 // in the static table
		compressed                    = 0x80
	)
	for len(b) > 0 && b[0]&sizeMask == sizeUpdate {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0
	}
	if b[0]&indexed != 0 {
		return map[byte]int{8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}[b[0]&^indexed]
	}
	if name := b[0] & 0x0f; name < firstStatus || name > lastStatus || len(b) < 2 {
		return 0
	}
	n := int(b[1] &^ compressed)
	if len(b) < 2+n {
		return 0
	}
	digits := b[2 : 2+n]
	if b[1]&compressed != 0 {
		digits = unpackDigits(digits)
	}
	status := 0
	for _, d := range digits {
		status = 10*status + int(d-'0')
	}
	return status
}

// unpackDigits reads three digits in the code of RFC 7541, appendix B: 0, 1 and 2
// have five bits, 00000 to 00010, and 3 to 9 six, 011001 to 011111.
func unpackDigits(b []byte) []byte {
	const digits = 3
	var bits uint64
	for _, c := range b {
		bits = bits<<8 | uint64(c)
	}
	left := 8 * len(b)
	take := func(n int) int { return int(bits >> max(left-n, 0) & (math.MaxUint64 >> (64 - n))) }
	var text []byte
	for range digits {
		if five := take(5); five <= 2 {
			text, left = append(text, '0'+byte(five)), left-5
		} else {
			text, left = append(text, '3'+byte(take(6)-0b011001)), left-6
		}
	}
	return text
}
