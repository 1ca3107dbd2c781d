package demo

import (
	"encoding/binary"
	"fmt"
	"time"
)

// An Envelope is what a record carries in front of the event's line. Durations
// count from the beginning of the run.
type Envelope struct {
	// Number counts the events of a key: 1, 2, 3 …
	Number uint64
	// Due is when the event was to be put.
	Due time.Duration
	// Sent is when the put that stored it was called.
	Sent time.Duration
}

const envelopeBytes = 24

// Seal returns the data of a record: the envelope and the line.
func (e Envelope) Seal(line []byte) []byte {
	data := make([]byte, envelopeBytes, envelopeBytes+len(line))
	binary.BigEndian.PutUint64(data, e.Number)
	binary.BigEndian.PutUint64(data[8:], uint64(e.Due))
	stampSent(data, e.Sent)
	return append(data, line...)
}

// stampSent changes Sent in a record's data.
func stampSent(data []byte, sent time.Duration) {
	binary.BigEndian.PutUint64(data[16:], uint64(sent))
}

// OpenEnvelope returns a record's envelope and its line, a part of data.
func OpenEnvelope(data []byte) (Envelope, []byte, error) {
	if len(data) < envelopeBytes {
		return Envelope{}, nil, fmt.Errorf("a record of %d bytes has no envelope of %d", len(data), envelopeBytes)
	}
	return Envelope{
		Number: binary.BigEndian.Uint64(data),
		Due:    time.Duration(binary.BigEndian.Uint64(data[8:])),
		Sent:   time.Duration(binary.BigEndian.Uint64(data[16:])),
	}, data[envelopeBytes:], nil
}
