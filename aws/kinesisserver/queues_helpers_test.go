package kinesisserver_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

// The rows of the queues' checklist are tested in bubbles, for a receive waits
// up to 20 seconds, and each in JSON and in CBOR.

const (
	arnD  = "arn:aws:kinesis:us-east-1:123456789012:stream/D"
	arnP  = "arn:aws:kinesis:us-east-1:123456789012:stream/P"
	thr   = "ThrottlingException"
	entNT = "ExpiredNextTokenException"
)

// A queueServer is a server in a bubble with the streams D, on demand, and P,
// provisioned. Until it is said otherwise queue calls are about arn.
type queueServer struct {
	*server
	cbor bool
	arn  string
}

// queueAccounts are accounts in which only queues take their time.
func queueAccounts() account.Config {
	c := account.Instant()
	c.Delays.Queue, c.Quotas.ChangingQueues = 0, 0
	return c
}

// onQueues runs a test in both protocols.
func onQueues(t *testing.T, accounts account.Config, f func(*queueServer)) {
	for name, inCBOR := range map[string]bool{"JSON": false, "CBOR": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				accounts.Now = time.Now
				s := &queueServer{server: newServerOf(t, accounts), cbor: inCBOR}
				s.must("CreateStream", `{"StreamName":"D"}`)
				s.must("CreateStream", `{"StreamName":"P","ShardCount":1}`)
				f(s)
			})
		})
	}
}

// withQueue is onQueues with the queue q on D, from the trim horizon on.
func withQueue(t *testing.T, f func(*queueServer)) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		s.arn = s.create("q", `"StartingPosition":{"Type":"TRIM_HORIZON"}`, "")
		f(s)
	})
}

func (s *queueServer) call(op, body string) response {
	if s.cbor {
		return s.callCBOR(op, body)
	}
	return s.server.call(op, body)
}

// must calls an operation that succeeds.
func (s *queueServer) must(op, body string) map[string]any {
	s.t.Helper()
	r := s.call(op, body)
	require.Equal(s.t, http.StatusOK, r.status, "%s %s: %s", op, body, r.body)
	if len(r.body) == 0 {
		return nil
	}
	return s.decode(r)
}

func (s *queueServer) decode(r response) map[string]any {
	s.t.Helper()
	if s.cbor {
		return fromCBOR(s.t, r.body)
	}
	return r.json(s.t)
}

// refuses calls an operation that is refused, and returns the message.
func (s *queueServer) refuses(code, op, body string) string {
	s.t.Helper()
	r := s.call(op, body)
	assert.Equal(s.t, http.StatusBadRequest, r.status, "%s %s: %s", op, body, r.body)
	got := s.decode(r)
	assert.Equal(s.t, code, got["__type"], "%s %s: %v", op, body, got["message"])
	return fmt.Sprint(got["message"])
}

// pass lets time pass.
func (s *queueServer) pass(d time.Duration) { time.Sleep(d) }

// made is the body of a CreateQueue on D.
func made(name, source, more string) string {
	return madeOn(arnD, name, source, more)
}

func madeOn(stream, name, source, more string) string {
	if source != "" {
		source = "," + source
	}
	if more != "" {
		more = "," + more
	}
	return fmt.Sprintf(`{"QueueName":%q,"StreamConfigurationList":[{"StreamARN":%q%s}]%s}`, name, stream, source, more)
}

// create creates a queue on D, waits until it is ACTIVE, and returns its ARN.
func (s *queueServer) create(name, source, more string) string {
	s.t.Helper()
	out := s.must("CreateQueue", made(name, source, more))
	s.pass(account.DefaultQueueDelay)
	return out["QueueDescription"].(map[string]any)["QueueARN"].(string)
}

// on is the body of a call about the queue.
func (s *queueServer) on(more ...string) string {
	return "{" + strings.Join(append([]string{fmt.Sprintf(`"QueueARN":%q`, s.arn)}, more...), ",") + "}"
}

// describe describes the queue.
func (s *queueServer) describe() map[string]any {
	s.t.Helper()
	return s.must("DescribeQueue", s.on())["QueueDescription"].(map[string]any)
}

func (s *queueServer) status() any { s.t.Helper(); return s.describe()["QueueStatus"] }

// start describes where the queue begins.
func (s *queueServer) start() map[string]any {
	s.t.Helper()
	list := s.describe()["StreamConfigurationList"].([]any)
	require.Len(s.t, list, 1)
	return list[0].(map[string]any)["StartingPosition"].(map[string]any)
}

func (s *queueServer) attributes() map[string]any {
	s.t.Helper()
	return s.describe()["QueueAttributes"].(map[string]any)
}

// put puts records into D.
func (s *queueServer) put(data ...string) {
	s.t.Helper()
	for _, d := range data {
		s.must("PutRecord", fmt.Sprintf(`{"StreamName":"D","PartitionKey":"key of %s","Data":%q}`, d, base64.StdEncoding.EncodeToString([]byte(d))))
	}
}

// A delivered is a record of a queue.
type delivered map[string]any

func (d delivered) data() string {
	b, err := base64.StdEncoding.DecodeString(d["Data"].(string))
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (d delivered) handle() string { return d["ReceiptHandle"].(string) }
func (d delivered) id() string     { return d["RecordId"].(string) }
func (d delivered) count() int     { return int(d["ReceiveCount"].(float64)) }

// receive receives, and waits for a second if there is nothing.
func (s *queueServer) receive(more ...string) []delivered {
	s.t.Helper()
	return s.receiveFrom("ReceiveQueueRecords", append(more, `"WaitTimeSeconds":1`)...)
}

// receiveDead receives dead letters likewise.
func (s *queueServer) receiveDead(more ...string) []delivered {
	s.t.Helper()
	return s.receiveFrom("ReceiveDeadLetterQueueRecords", append(more, `"WaitTimeSeconds":1`)...)
}

func (s *queueServer) receiveFrom(op string, more ...string) (list []delivered) {
	s.t.Helper()
	out := s.must(op, s.on(more...))
	require.Len(s.t, out, 1)
	for _, r := range out["QueueRecords"].([]any) {
		list = append(list, r.(map[string]any))
	}
	return list
}

// receiveOne receives the only record that there is.
func (s *queueServer) receiveOne(more ...string) delivered {
	s.t.Helper()
	list := s.receive(more...)
	require.Len(s.t, list, 1)
	return list[0]
}

func (s *queueServer) receiveOneDead(more ...string) delivered {
	s.t.Helper()
	list := s.receiveDead(more...)
	require.Len(s.t, list, 1)
	return list[0]
}

// entries is the member of a batch of handles. Each is followed by more.
func entries(more string, handles ...string) string {
	if more != "" {
		more = "," + more
	}
	list := make([]string, len(handles))
	for i, h := range handles {
		text, err := json.Marshal(h)
		if err != nil {
			panic(err)
		}
		list[i] = fmt.Sprintf(`{"ReceiptHandle":%s%s}`, text, more)
	}
	return `"Entries":[` + strings.Join(list, ",") + `]`
}

// batch calls a batch operation, and returns what succeeded and the codes of
// what failed.
func (s *queueServer) batch(op, more string, handles ...string) (done []string, codes []string) {
	s.t.Helper()
	out := s.must(op, s.on(entries(more, handles...)))
	require.Len(s.t, out, 2, "Successful and Failed, always")
	for _, e := range out["Successful"].([]any) {
		done = append(done, e.(map[string]any)["ReceiptHandle"].(string))
	}
	for _, e := range out["Failed"].([]any) {
		codes = append(codes, e.(map[string]any)["ErrorCode"].(string))
	}
	return done, codes
}

// does requires that a batch succeeds.
func (s *queueServer) does(op, more string, handles ...string) {
	s.t.Helper()
	done, codes := s.batch(op, more, handles...)
	assert.Equal(s.t, handles, done)
	assert.Empty(s.t, codes)
}

// failsTo requires that every entry of a batch fails with a code.
func (s *queueServer) failsTo(code, op, more string, handles ...string) {
	s.t.Helper()
	done, codes := s.batch(op, more, handles...)
	assert.Empty(s.t, done)
	for range handles {
		require.NotEmpty(s.t, codes)
		assert.Equal(s.t, code, codes[0])
		codes = codes[1:]
	}
}

func (s *queueServer) ack(handles ...string) {
	s.t.Helper()
	s.does("AcknowledgeQueueRecords", "", handles...)
}

// visible sets the visibility of deliveries.
func (s *queueServer) visible(seconds int, handles ...string) {
	s.t.Helper()
	s.does("UpdateQueueRecordsVisibility", fmt.Sprintf(`"VisibilityTimeoutSeconds":%d`, seconds), handles...)
}

func handlesOf(list []delivered) (handles []string) {
	for _, d := range list {
		handles = append(handles, d.handle())
	}
	return handles
}

// took reports how long f took.
func took(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}
