package kinesistest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/weirstream/weir"
)

// A savedStream is the first line of a file that [Fake.Save] writes; a savedRecord
// each line after it.
type savedStream struct {
	Stream string `json:"stream"`
	Shards int    `json:"shards"`
}

type savedRecord struct {
	Key  string    `json:"key"`
	Data []byte    `json:"data"`
	At   time.Time `json:"at"`
}

// Save writes what a stream holds to a file, a line of JSON for each record, that
// [Fake.Load] reads. Expired records are left out.
func (k *Fake) Save(stream, path string) {
	k.t.Helper()
	s := k.need(stream)
	lines := []any{savedStream{stream, len(k.OpenShards(stream))}}
	for r, err := range s.AllToTip(context.Background(), weir.TrimHorizon()) {
		if err != nil {
			k.t.Fatalf("kinesistest: save %s: %v", stream, err)
		}
		lines = append(lines, savedRecord{r.PartitionKey, r.Data, r.ArrivalTime})
	}
	k.writeLines(path, lines)
}

// Load puts the records of a file into its stream, each key in order, past faults
// and limits of time. The stream is created, with as many shards as there were
// open ones, unless it is there. The records arrive now: a file keeps their times
// for who reads it, but a stream's own times never lie in the past.
func (k *Fake) Load(path string) {
	k.t.Helper()
	var head savedStream
	var entries []weir.Entry
	k.readLines(path, func(i int, line []byte) error {
		if i == 0 {
			return json.Unmarshal(line, &head)
		}
		var r savedRecord
		err := json.Unmarshal(line, &r)
		entries = append(entries, weir.Entry{PartitionKey: r.Key, Data: r.Data})
		return err
	})
	if k.Stream(head.Stream) == nil {
		if err := k.create(StreamSpec{Name: head.Stream, Shards: head.Shards}); err != nil {
			k.t.Fatalf("kinesistest: load %s: %v", path, err)
		}
	}
	s := k.need(head.Stream)
	for batch := range slices.Chunk(entries, weir.DefaultBatchRecords) {
		if err := k.putAll(k.t.Context(), s, batch); err != nil {
			k.t.Fatalf("kinesistest: load %s: %v", path, err)
		}
	}
}

// A savedCall is a call of a run.
type savedCall struct {
	After   time.Duration   `json:"after_ns"` // the first call began
	Op      string          `json:"op"`
	Request json.RawMessage `json:"request"`
	Answer  json.RawMessage `json:"answer,omitempty"`
	Error   string          `json:"error,omitempty"` // its code; "reset" for a broken connection
	Fault   string          `json:"fault,omitempty"`
}

// SaveRun writes the calls made so far to a file that [Fake.Replay] reads, a line
// of JSON for each. Calls in CBOR and subscriptions are left out.
func (k *Fake) SaveRun(path string) {
	k.t.Helper()
	var lines []any
	calls := k.Calls()
	for _, c := range calls {
		if c.request.cbor || c.Op == "SubscribeToShard" {
			continue
		}
		saved := savedCall{After: c.At.Sub(calls[0].At), Op: c.Op, Request: c.request.body, Fault: c.Fault, Error: errorCode(c.Err)}
		if c.Err == nil && json.Valid(c.response.body) {
			saved.Answer = c.response.body
		}
		lines = append(lines, saved)
	}
	k.writeLines(path, lines)
}

// errorCode returns how a run's file tells an error.
func errorCode(err error) string {
	var e *CallError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	}
	return "reset"
}

// Replay makes the calls of a run again, each as long after the first one as it
// was, and returns in words how the results differ: which call succeeded or
// failed otherwise than it did. What failed through a fault is not called again;
// whose answer a fault lost is. Iterators of the run stand for those that the
// replay gets instead.
func (k *Fake) Replay(path string) []string {
	k.t.Helper()
	var differences []string
	iterators := make(map[string]string)
	began := k.Now()
	k.readLines(path, func(i int, line []byte) error {
		var c savedCall
		if err := json.Unmarshal(line, &c); err != nil {
			return err
		}
		if c.Fault != "" && c.Error != "" && c.Error != "reset" {
			return nil
		}
		if err := k.clock.sleep(k.t.Context(), c.After-k.Now().Sub(began)); err != nil {
			return err
		}
		k.account.Wake()
		code, answer := k.again(c, iterators)
		if c.Error != "reset" && code != c.Error {
			differences = append(differences, fmt.Sprintf("call %d, %s: %q instead of %q", i+1, c.Op, code, c.Error))
		}
		for _, member := range []string{"ShardIterator", "NextShardIterator"} {
			old, now := (message{body: c.Answer}).text(member, true), (message{body: answer}).text(member, true)
			if old != "" {
				iterators[old] = now
			}
		}
		return nil
	})
	return differences
}

// again makes a call of a run again, and returns the error's code and the answer.
func (k *Fake) again(c savedCall, iterators map[string]string) (string, []byte) {
	body := []byte(c.Request)
	if old := (message{body: body}).text("ShardIterator", false); c.Op == "GetRecords" && iterators[old] != "" {
		body = bytes.ReplaceAll(body, []byte(old), []byte(iterators[old]))
	}
	r, err := http.NewRequestWithContext(k.t.Context(), http.MethodPost, "http://replay", bytes.NewReader(body))
	if err != nil {
		return err.Error(), nil
	}
	r.Header.Set("Content-Type", contentJSON)
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+c.Op)
	res, err := transport{k}.RoundTrip(r)
	if err != nil {
		return "reset", nil
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(res.Body)
	if res.StatusCode == http.StatusOK {
		return "", answer
	}
	return (message{body: answer}).text("__type", false), answer
}

func (k *Fake) writeLines(path string, lines []any) {
	k.t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for _, line := range lines {
		if err := e.Encode(line); err != nil {
			k.t.Fatalf("kinesistest: %s: %v", path, err)
		}
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		k.t.Fatalf("kinesistest: %v", err)
	}
}

func (k *Fake) readLines(path string, read func(i int, line []byte) error) {
	k.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		k.t.Fatalf("kinesistest: %v", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 64<<20)
	for i := 0; lines.Scan(); i++ {
		if err := read(i, lines.Bytes()); err != nil {
			k.t.Fatalf("kinesistest: %s, line %d: %v", path, i+1, err)
		}
	}
}
