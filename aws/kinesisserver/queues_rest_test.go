package kinesisserver_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/kinesisserver"
)

// counts returns metrics of the queue, by what is left of their names.
func (s *queueServer) counts(names ...string) map[string]float64 {
	s.t.Helper()
	text := string(s.do(httptest.NewRequest(http.MethodGet, "/_weir/metrics", nil)).body)
	_, id, _ := strings.Cut(s.arn, "queue/")
	counts := make(map[string]float64)
	for _, name := range names {
		metric := map[string]string{
			"received": "weir_queue_received_records_total", "acknowledged": "weir_queue_acknowledged_records_total",
			"empty": "weir_queue_empty_receives_total", "visible": "weir_queue_visible_records",
			"in flight": "weir_queue_in_flight_records", "dead": "weir_queue_visible_dead_letter_records",
		}[name]
		m := regexp.MustCompile(metric + `\{[^}]*queue_id="` + id + `"[^}]*\} (\S+)`).FindStringSubmatch(text)
		require.NotNil(s.t, m, "%s of %s in\n%s", metric, id, text)
		n, err := strconv.ParseFloat(m[1], 64)
		require.NoError(s.t, err)
		counts[name] = n
	}
	return counts
}

// Five GetRecords a second and shard, whatever queues receive.
func TestQueues_otherReaders_122_123(t *testing.T) {
	accounts := queueAccounts()
	accounts.Stream.Limits.ReadBytesPerSecond, accounts.Stream.Limits.ReadCallsPerSecond = 0, 0 // the service's
	onQueues(t, accounts, func(s *queueServer) {
		s.arn = s.create("q", fromHorizon, "")
		for i := range 100 {
			s.put(fmt.Sprint(i))
		}
		for range 10 {
			s.ack(handlesOf(s.receive())...)
		}
		for range 5 {
			assert.Len(s.t, s.stored(), 100)
		}
		r := s.call("GetRecords", fmt.Sprintf(`{"ShardIterator":%q}`,
			s.must("GetShardIterator", `{"StreamName":"D","ShardId":"0","ShardIteratorType":"TRIM_HORIZON"}`)["ShardIterator"]))
		assert.Equal(s.t, http.StatusBadRequest, r.status, "a sixth within the second")
	})
}

// The host that clients call without an endpoint of their own, and any other.
func TestQueues_hosts_124_125(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		_, id, _ := strings.Cut(s.arn, "queue/")
		for host, op := range map[string]string{
			id + ".data-kinesis-queues.us-east-1.amazonaws.com":             receive,
			id + ".data-kinesis-queues-fips.us-east-1.api.aws":              receive,
			id + ".control-kinesis-queues.us-east-1.amazonaws.com":          "DescribeQueue",
			testAccount + ".control-kinesis-queues.us-east-1.amazonaws.com": "ListQueues",
			"kinesis-queues.us-east-1.amazonaws.com":                        "ListQueues",
			"localhost:4567":                                                receive,
		} {
			body := s.on(`"WaitTimeSeconds":1`)
			if op == "ListQueues" {
				body = `{}`
			}
			r := request(op, jsonType, []byte(body))
			r.Host = host
			got := s.do(r)
			require.Equal(s.t, http.StatusOK, got.status, "%s at %s: %s", op, host, got.body)
			if op == "ListQueues" {
				assert.Len(s.t, got.json(s.t)["QueueSummaries"], 1, host)
			}
		}
		other := request("ListQueues", jsonType, []byte(`{}`))
		other.Host = "kinesis-queues.eu-west-1.amazonaws.com"
		assert.Empty(s.t, s.do(other).json(s.t)["QueueSummaries"], "another region")
	})
}

func TestQueues_unknownMember_127(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		s.put("a")
		s.receiveOne(`"StreamName":"none"`)
	})
}

func TestQueues_cbor_128(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		s.put("a")
		at := time.Now().UnixMilli()
		r := s.callCBOR(receive, s.on())
		require.Equal(s.t, http.StatusOK, r.status)
		assert.Equal(s.t, cborType, r.header.Get("Content-Type"))
		var out struct {
			QueueRecords []map[string]cbor.RawMessage
		}
		require.NoError(s.t, cbor.Unmarshal(r.body, &out))
		require.Len(s.t, out.QueueRecords, 1)
		var data []byte
		require.NoError(s.t, cbor.Unmarshal(out.QueueRecords[0]["Data"], &data))
		assert.Equal(s.t, "a", string(data))
		for _, name := range []string{"ApproximateArrivalTimestamp", "FirstReceiveTimestamp"} {
			var tag cbor.RawTag
			require.NoError(s.t, cbor.Unmarshal(out.QueueRecords[0][name], &tag))
			assert.Equal(s.t, uint64(1), tag.Number)
			var ms int64
			require.NoError(s.t, cbor.Unmarshal(tag.Content, &ms))
			assert.Equal(s.t, at, ms)
		}
	})
}

func TestQueues_clockJump_130(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		for i := range 8 {
			s.put(fmt.Sprint(i))
		}
		for range 4 {
			s.receive(`"Limit":2`)
			s.pass(time.Second)
		}
		s.pass(time.Hour)
		seen := make(map[string]bool)
		for len(seen) < 8 {
			list := s.receive()
			require.NotEmpty(s.t, list)
			for _, d := range list {
				assert.False(s.t, seen[d.id()])
				assert.Equal(s.t, 2, d.count())
				seen[d.id()] = true
			}
		}
		assert.Empty(s.t, s.receive())
	})
}

func TestQueues_metrics_134(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		s.arn = s.create("q", fromHorizon, deadAfterOne)
		s.put("dead")
		s.receiveOne(seconds0)
		s.put("1", "2")
		assert.Len(s.t, s.receive(), 2)
		s.put("3", "4", "5")
		assert.Equal(s.t, map[string]float64{"visible": 3, "dead": 1, "in flight": 2}, s.counts("visible", "dead", "in flight"))
	})
}

// A rate that a test gives to operations on records refuses with
// ThrottlingException, and nothing happens.
func TestQueues_throttled(t *testing.T) {
	accounts := queueAccounts()
	accounts.CallRates.Of = map[string]float64{receive: 2}
	onQueues(t, accounts, func(s *queueServer) {
		s.arn = s.create("q", fromHorizon, "")
		s.receive(seconds0)
		s.put("a")
		s.receiveOne(seconds0)
		s.receiveOne(seconds0)
		_, id, _ := strings.Cut(s.arn, "queue/")
		assert.Equal(s.t, "Rate exceeded for queue "+id+" under account 123456789012.", s.refuses(thr, receive, s.on()))
		s.pass(time.Second)
		assert.Equal(s.t, 3, s.receiveOne().count())
	})
}

// A receive that waits ends with an empty list when the server shuts down.
func TestQueues_shutdown(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		go func() {
			time.Sleep(3 * time.Second)
			assert.NoError(s.t, s.Shutdown(context.Background()))
		}()
		assert.Equal(s.t, 3*time.Second, took(func() { assert.Empty(s.t, s.receiveFrom(receive)) }))
	})
}

// Records whose answer finds no room under the server's bound are visible again.
func TestQueues_noRoomForTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts := queueAccounts()
		accounts.Now = time.Now
		s := &queueServer{server: newServerOf(t, accounts, func(c *kinesisserver.Config) { c.MaxInFlightBytes = 1 << 20 })}
		s.must("CreateStream", `{"StreamName":"D"}`)
		s.arn = s.create("q", fromHorizon, deadAfterTwo)
		for range 2 {
			s.must("PutRecord", `{"StreamName":"D","PartitionKey":"a","Data":"`+b64(600<<10)+`"}`)
		}
		r := s.call(receive, s.on())
		assert.Equal(t, http.StatusServiceUnavailable, r.status)
		assert.Equal(t, 2, s.receiveOne(`"Limit":1`).count())
		for range 2 { // the other one, and once more as a dead letter
			s.receive(`"Limit":1`, seconds0)
		}
		r = s.call(receiveDead, s.on(`"Limit":1`))
		assert.Equal(t, http.StatusOK, r.status)
	})
}
