package eventsource

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir"
)

// MaxPayloadBytes is how large an event may be as it is serialised, which is
// the service's bound for a function's input. A record that is above it alone
// is a batch of its own.
const MaxPayloadBytes = 6 << 20

// An envelope is what the records of one shard's events have in common. It is
// immutable.
type envelope struct {
	shard  string
	source string // ARN
	middle []byte // between a record's arrival and its number in the event's id
	end    []byte // behind that
}

func newEnvelope(shard weir.ShardID, source, role, region string) *envelope {
	e := &envelope{shard: shard.String(), source: source}
	e.middle = []byte(`},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"` + e.shard + `:`)
	e.end = []byte(`","eventName":"aws:kinesis:record","invokeIdentityArn":`)
	e.end = appendString(e.end, role)
	e.end = appendString(append(e.end, `,"awsRegion":`...), region)
	e.end = append(appendString(append(e.end, `,"eventSourceARN":`...), source), '}')
	return e
}

// The parts of a record's JSON.
const (
	partKey     = `{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":`
	partNumber  = `,"sequenceNumber":"`
	partData    = `","data":"`
	partArrival = `","approximateArrivalTimestamp":`
)

// appendRecord appends a record as events have it.
func (e *envelope) appendRecord(dst []byte, r *weir.Record) []byte {
	dst = appendString(append(dst, partKey...), r.PartitionKey)
	dst = append(dst, partNumber...)
	at := len(dst)
	dst, _ = r.SequenceNumber.AppendText(dst) // never fails
	to := len(dst)
	dst = append(dst, partData...)
	dst = base64.StdEncoding.AppendEncode(dst, r.Data)
	dst = appendArrival(append(dst, partArrival...), r.ArrivalTime)
	dst = append(dst, e.middle...)
	dst = append(dst, dst[at:to]...)
	return append(dst, e.end...)
}

// size returns how many bytes appendRecord appends.
func (e *envelope) size(r *weir.Record) int {
	var room [80]byte
	number, _ := r.SequenceNumber.AppendText(room[:0])
	n := len(partKey) + len(partNumber) + len(partData) + len(partArrival) + len(e.middle) + len(e.end)
	n += 2*len(number) + base64.StdEncoding.EncodedLen(len(r.Data)) + stringSize(r.PartitionKey)
	return n + len(appendArrival(room[:0], r.ArrivalTime))
}

// appendArrival appends seconds with three decimals, always.
func appendArrival(dst []byte, t time.Time) []byte {
	ms := max(0, t.UnixMilli())
	dst = strconv.AppendInt(dst, ms/1000, 10)
	return append(dst, '.', '0'+byte(ms/100%10), '0'+byte(ms/10%10), '0'+byte(ms%10))
}

// A frame is what an event says of its tumbling window.
type frame struct {
	start, end   time.Time
	state        []byte // a JSON object
	final, early bool
}

// event returns the event of a batch, whose size is about as given.
func (e *envelope) event(items []item, f *frame) []byte {
	n := e.baseSize(f) + len(items)
	for i := range items {
		n += items[i].size
	}
	dst := append(make([]byte, 0, n), `{"Records":[`...)
	for i := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.appendRecord(dst, &items[i].record)
	}
	return e.appendFrame(append(dst, ']'), f)
}

// appendFrame appends what comes behind the records.
func (e *envelope) appendFrame(dst []byte, f *frame) []byte {
	if f == nil {
		return append(dst, '}')
	}
	dst = append(dst, `,"window":{"start":"`...)
	dst = f.start.UTC().AppendFormat(dst, time.RFC3339)
	dst = append(dst, `","end":"`...)
	dst = f.end.UTC().AppendFormat(dst, time.RFC3339)
	dst = append(dst, `"},"state":`...)
	dst = append(dst, f.state...)
	dst = append(append(append(dst, `,"shardId":"`...), e.shard...), `","eventSourceARN":`...)
	dst = append(appendString(dst, e.source), `,"isFinalInvokeForWindow":`...)
	dst = strconv.AppendBool(dst, f.final)
	dst = strconv.AppendBool(append(dst, `,"isWindowTerminatedEarly":`...), f.early)
	return append(dst, '}')
}

// baseSize returns how many bytes an event has beside its records and the
// commas between them.
func (e *envelope) baseSize(f *frame) int {
	n := len(`{"Records":[]`)
	if f == nil {
		return n + 1
	}
	bare := *f
	bare.state = nil
	return n + len(e.appendFrame(nil, &bare)) + len(f.state)
}

const hexDigits = "0123456789ABCDEF"

// appendString appends a JSON string in which only what must be is escaped.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[from:i]...), "\uFFFD"...)
				from = i + 1
			}
			i += n
			continue
		}
		dst = append(dst, s[from:i]...)
		dst = appendEscape(dst, c)
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// stringSize returns how many bytes appendString appends.
func stringSize(s string) int {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return len(appendString(nil, s))
		}
	}
	return len(s) + 2
}
