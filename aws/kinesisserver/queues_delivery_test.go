package kinesisserver_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

const (
	receive      = "ReceiveQueueRecords"
	receiveDead  = "ReceiveDeadLetterQueueRecords"
	acknowledge  = "AcknowledgeQueueRecords"
	setVisible   = "UpdateQueueRecordsVisibility"
	ackDead      = "AcknowledgeDeadLetterQueueRecords"
	setDead      = "UpdateDeadLetterQueueRecordsVisibility"
	restore      = "RestoreDeadLetterQueueRecords"
	seconds0     = `"VisibilityTimeoutSeconds":0`
	deadAfterOne = `"QueueAttributes":{"DeadLetterConfiguration":{"TargetType":"BUILT_IN","MaxReceiveCount":1}}`
	deadAfterTwo = `"QueueAttributes":{"DeadLetterConfiguration":{"TargetType":"BUILT_IN","MaxReceiveCount":2}}`
	fromHorizon  = `"StartingPosition":{"Type":"TRIM_HORIZON"}`
)

func dataOf(list []delivered) (data []string) {
	for _, d := range list {
		data = append(data, d.data())
	}
	slices.Sort(data)
	return data
}

func TestQueues_fromTheCreationOn_39_40(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		s.put("before")
		s.pass(time.Second)
		s.arn = s.must("CreateQueue", made("a", "", ""))["QueueDescription"].(map[string]any)["QueueARN"].(string)
		s.put("while CREATING")
		s.pass(account.DefaultQueueDelay)
		s.put("after")
		assert.Equal(s.t, []string{"after", "while CREATING"}, dataOf(s.receive()))
		assert.Empty(s.t, s.receive())
	})
}

func TestQueues_startingPositions_41_42(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		s.put("one")
		s.pass(time.Second)
		at := float64(time.Now().UnixMilli()) / 1000
		s.pass(time.Second)
		s.put("two")
		s.arn = s.create("a", fromHorizon, "")
		assert.Equal(s.t, []string{"one", "two"}, dataOf(s.receive()))
		s.arn = s.create("b", fmt.Sprintf(`"StartingPosition":{"Type":"AT_TIMESTAMP","Timestamp":%.3f}`, at), "")
		assert.Equal(s.t, []string{"two"}, dataOf(s.receive()))
	})
}

func TestQueues_whileUpdating_47_48(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		s.put("a", "b")
		first, received := s.receive(), time.Now()
		require.Len(s.t, first, 2)
		s.ack(first[0].handle())
		s.must("UpdateQueue", s.on(`"QueueAttributes":{"VisibilityTimeoutSeconds":300}`))
		s.put("c")
		c := s.receiveOne()
		s.ack(c.handle())
		s.pass(account.DefaultQueueDelay + time.Second)
		again := s.receiveFrom(receive, `"WaitTimeSeconds":20`)
		require.Len(s.t, again, 1)
		assert.Equal(s.t, 30*time.Second, time.Since(received), "hidden for as long as when it was received")
		assert.Equal(s.t, first[1].id(), again[0].id())
		assert.Equal(s.t, 2, again[0].count())
		s.pass(299 * time.Second)
		began := time.Now()
		assert.Equal(s.t, 3, s.receiveFrom(receive, `"WaitTimeSeconds":20`)[0].count())
		assert.Equal(s.t, time.Second, time.Since(began), "and now for 300 s")
	})
}

func TestQueues_goneWithTheQueue_53_55(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		other := s.create("r", fromHorizon, "")
		s.put("a")
		a := s.receiveOne()
		s.must("DeleteQueue", s.on())
		for range 2 { // DELETING, and gone
			s.refuses(nf, acknowledge, s.on(entries("", a.handle())))
			s.refuses(nf, receive, s.on())
			s.refuses(nf, setVisible, s.on(entries(seconds0, a.handle())))
			s.pass(account.DefaultQueueDelay)
		}
		assert.Equal(s.t, []string{"a"}, s.stored())
		s.arn = other
		assert.Equal(s.t, a.id(), s.receiveOne().id())
	})
}

// stored reads D with GetRecords.
func (s *queueServer) stored() (data []string) {
	s.t.Helper()
	for _, sh := range s.must("ListShards", `{"StreamName":"D"}`)["Shards"].([]any) {
		it := s.must("GetShardIterator", fmt.Sprintf(`{"StreamName":"D","ShardId":%q,"ShardIteratorType":"TRIM_HORIZON"}`, sh.(map[string]any)["ShardId"]))["ShardIterator"]
		for _, r := range s.must("GetRecords", fmt.Sprintf(`{"ShardIterator":%q}`, it))["Records"].([]any) {
			data = append(data, delivered(r.(map[string]any)).data())
		}
	}
	slices.Sort(data)
	return data
}

func TestQueues_deliveries_67_to_70_132_133(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		arrived := float64(time.Now().UnixMilli()) / 1000
		s.put("data")
		s.pass(3 * time.Second)
		r := s.receiveOne()
		first := float64(time.Now().UnixMilli()) / 1000
		assert.Equal(s.t, delivered{
			"ReceiptHandle": r.handle(), "RecordId": r.id(), "Data": "ZGF0YQ==", "PartitionKey": "key of data",
			"ApproximateArrivalTimestamp": arrived, "FirstReceiveTimestamp": first, "ReceiveCount": 1.0,
		}, r, "and nothing else")
		assert.Equal(s.t, time.Second, took(func() { assert.Empty(s.t, s.receive()) }))
		s.pass(29 * time.Second)
		again := s.receiveOne()
		assert.Equal(s.t, r.id(), again.id())
		assert.NotEqual(s.t, r.handle(), again.handle())
		assert.Equal(s.t, 2, again.count())
		assert.Equal(s.t, first, again["FirstReceiveTimestamp"])
		out := s.must(acknowledge, s.on(entries("", again.handle())))
		assert.Equal(s.t, map[string]any{"Successful": []any{map[string]any{"ReceiptHandle": again.handle()}}, "Failed": []any{}}, out)
		s.pass(31 * time.Second)
		assert.Empty(s.t, s.receive())
		assert.Equal(s.t, map[string]float64{"received": 2, "acknowledged": 1, "empty": 2}, s.counts("received", "acknowledged", "empty"))
	})
}

// dataRefusals are the rows in which a call on records is refused.
var dataRefusals = []refusal{
	{71, "limit 0", receive, `"Limit":0`, ve, one("0", "limit", "Member must have value greater than or equal to 1")},
	{71, "limit 11", receive, `"Limit":11`, ve, one("11", "limit", "Member must have value less than or equal to 10")},
	{72, "wait 0", receive, `"WaitTimeSeconds":0`, ve, one("0", "waitTimeSeconds", "Member must have value greater than or equal to 1")},
	{72, "wait 21", receiveDead, `"WaitTimeSeconds":21`, ve, one("21", "waitTimeSeconds", "Member must have value less than or equal to 20")},
	{73, "visibility 43201", receive, `"VisibilityTimeoutSeconds":43201`, ve, one("43201", "visibilityTimeoutSeconds", "Member must have value less than or equal to 43200")},
	{84, "no visibility", setVisible, `"Entries":[{"ReceiptHandle":"a"}]`, ve, one("null", "entries.1.member.visibilityTimeoutSeconds", notNull)},
	{84, "no visibility of a dead letter", setDead, `"Entries":[{"ReceiptHandle":"a"}]`, ve, one("null", "entries.1.member.visibilityTimeoutSeconds", notNull)},
	{85, "no entries", acknowledge, `"Entries":[]`, ve, "…Member must have length greater than or equal to 1"},
	{85, "11 entries", acknowledge, entries("", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"), ve, "…Member must have length less than or equal to 10"},
	{85, "11 entries to be restored", restore, entries("", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"), ve, "…"},
	{0, "entries missing", ackDead, `"X":1`, ve, one("null", "entries", notNull)},
	{0, "a handle of 1025 characters", acknowledge, entries("", strings.Repeat("a", 1025)), ve, "…"},
}

func TestQueues_dataRefusals(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		s.put("a")
		for _, r := range dataRefusals {
			assertMessage(s.t.(*testing.T), r.message, s.refuses(r.code, r.op, s.on(r.body)))
		}
		assert.Equal(s.t, 1, s.receiveOne().count(), "nothing was received meanwhile")
	})
}

func TestQueues_waiting_74_to_77(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		assert.Equal(s.t, 9*time.Second, took(func() { assert.Empty(s.t, s.receiveFrom(receive)) }))
		assert.Equal(s.t, 9*time.Second, took(func() { assert.Empty(s.t, s.receiveFrom(receiveDead)) }))
		// later has a receive wait, and says how long it waited.
		later := func(after time.Duration, f func()) (list []delivered, waited time.Duration) {
			go func() {
				time.Sleep(after)
				f()
			}()
			waited = took(func() { list = s.receiveFrom(receive, `"WaitTimeSeconds":20`) })
			synctest.Wait()
			return list, waited
		}
		list, waited := later(3*time.Second, func() { s.put("a") })
		require.Len(s.t, list, 1)
		assert.Equal(s.t, 3*time.Second, waited, "for the put")
		s.pass(28 * time.Second)
		list, waited = later(time.Hour, func() {})
		require.Len(s.t, list, 1)
		assert.Equal(s.t, 2*time.Second, waited, "for the end of the time-out")
		list, waited = later(5*time.Second, func() { s.visible(0, list[0].handle()) })
		require.Len(s.t, list, 1)
		assert.Equal(s.t, 3, list[0].count())
		assert.Equal(s.t, 5*time.Second, waited, "for another instance that gives it back")
		s.pass(time.Hour)
	})
}

func TestQueues_batches_78(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		for i := range 25 {
			s.put(fmt.Sprint(i))
		}
		seen := make(map[string]bool)
		for range 30 {
			list := s.receive(`"Limit":10`)
			assert.LessOrEqual(s.t, len(list), 10)
			for _, d := range list {
				assert.False(s.t, seen[d.id()])
				seen[d.id()] = true
			}
			if len(seen) == 25 {
				break
			}
		}
		assert.Len(s.t, seen, 25)
		assert.Empty(s.t, s.receive())
	})
}

func TestQueues_instances_79(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		for i := range 40 {
			s.put(fmt.Sprint(i))
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		seen := make(map[string]int)
		for range 4 {
			all.Go(func() {
				for {
					list := s.receive(`"Limit":3`)
					if len(list) == 0 {
						return
					}
					mu.Lock()
					for _, d := range list {
						seen[d.id()]++
					}
					mu.Unlock()
				}
			})
		}
		all.Wait()
		assert.Len(s.t, seen, 40)
		for _, n := range seen {
			assert.Equal(s.t, 1, n)
		}
	})
}

func TestQueues_visibility_80_to_83(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		// next says how long it takes until the record is delivered again.
		next := func() (d delivered, waited time.Duration) {
			for began := time.Now(); ; {
				if list := s.receiveFrom(receive, `"WaitTimeSeconds":20`); len(list) > 0 {
					return list[0], time.Since(began)
				}
			}
		}
		s.put("a")
		s.receiveOne(`"VisibilityTimeoutSeconds":5`)
		d, waited := next()
		assert.Equal(s.t, 5*time.Second, waited)
		s.visible(0, d.handle())
		assert.Equal(s.t, 3, s.receiveOne(seconds0).count())
		d, waited = next()
		assert.Equal(s.t, 4, d.count())
		assert.Zero(s.t, waited)
		s.pass(20 * time.Second)
		s.visible(120, d.handle())
		d, waited = next()
		assert.Equal(s.t, 120*time.Second, waited, "from the update on, so until second 140")
		assert.Equal(s.t, 5, d.count())
		s.visible(0, d.handle())
		d, waited = next()
		assert.Zero(s.t, waited)
		assert.Equal(s.t, 6, d.count(), "grows with the receive alone")
	})
}

func TestQueues_entries_86_to_91(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		for i := range 9 {
			s.put(fmt.Sprint(i))
		}
		var handles []string
		for len(handles) < 9 {
			handles = append(handles, handlesOf(s.receive())...)
		}
		done, codes := s.batch(acknowledge, "", slices.Insert(slices.Clone(handles), 4, "garbage")...)
		assert.Equal(s.t, handles, done, "in the order of the request")
		assert.Equal(s.t, []string{ia}, codes)
		s.failsTo(ia, acknowledge, "", "garbage", "ü", `"\`)
		s.does(acknowledge, "", handles[0], handles[0]) // again, and twice in one request
		s.failsTo(nf, setVisible, seconds0, handles[0])

		s.put("again")
		first := s.receiveOne()
		s.pass(30 * time.Second)
		second := s.receiveOne()
		s.failsTo(nf, acknowledge, "", first.handle())
		s.failsTo(nf, setVisible, seconds0, first.handle())
		assert.Empty(s.t, s.receive(), "it stays in flight under the second handle")
		s.pass(29 * time.Second) // the time-out has passed, and nobody has received it again
		s.visible(10, second.handle())
		assert.Empty(s.t, s.receive())
		s.pass(9 * time.Second)
		s.ack(second.handle())
		s.pass(time.Minute)
		assert.Empty(s.t, s.receive())
		s.ack(second.handle())
		s.failsTo(nf, acknowledge, "", first.handle())

		q := s.arn
		s.put("other")
		mine := s.receiveOne()
		s.arn = s.create("r", `"StartingPosition":{"Type":"LATEST"}`, "")
		s.failsTo(ia, acknowledge, "", mine.handle())
		s.arn = q
		s.visible(0, mine.handle())
		assert.Equal(s.t, 2, s.receiveOne().count(), "nothing had changed")
	})
}

func TestQueues_independent_92_93(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		q, r := s.arn, s.create("r", fromHorizon, "")
		ids := make(map[string]string)
		for i := range 20 {
			s.put(fmt.Sprint(i))
			d := s.receiveOne()
			assert.Regexp(s.t, `^[a-z0-9]{1,64}$`, d.id())
			assert.NotContains(s.t, ids, d.id())
			ids[d.id()] = d.data()
			s.ack(d.handle())
		}
		s.arn = r
		for got := 0; got < 20; {
			for _, d := range s.receive() {
				assert.Equal(s.t, ids[d.id()], d.data(), "the same record in both queues")
				assert.Equal(s.t, 1, d.count())
				s.ack(d.handle())
				got++
			}
		}
		s.arn = q
		assert.Empty(s.t, s.receive())
	})
}

func TestQueues_expired_107(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		s.arn = s.create("q", fromHorizon, deadAfterOne)
		s.put("dead")
		s.receiveOne(seconds0)
		s.put("in flight")
		d := s.receiveOne(`"VisibilityTimeoutSeconds":43200`)
		s.pass(6 * time.Hour)
		s.visible(43200, d.handle())
		s.pass(11 * time.Hour)
		s.visible(43200, d.handle())
		s.put("newer")
		s.pass(7*time.Hour - 2*time.Second)
		assert.Equal(s.t, []string{"dead"}, dataOf(s.receiveDead(seconds0)))
		s.pass(2 * time.Second)
		assert.Empty(s.t, s.receiveDead())
		s.failsTo(nf, acknowledge, "", d.handle())
		s.failsTo(nf, setVisible, seconds0, d.handle())
		assert.Equal(s.t, []string{"newer"}, dataOf(s.receive()))
		s.pass(24 * time.Hour)
		assert.Empty(s.t, s.receive(), "never received, and gone")
	})
}

func TestQueues_retention_108_109(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		s.put("a")
		s.must("IncreaseStreamRetentionPeriod", `{"StreamName":"D","RetentionPeriodHours":48}`)
		s.pass(30 * time.Hour)
		d := s.receiveOne()
		s.must("DecreaseStreamRetentionPeriod", `{"StreamName":"D","RetentionPeriodHours":24}`)
		s.failsTo(nf, acknowledge, "", d.handle())
		s.pass(time.Minute)
		assert.Empty(s.t, s.receive())
	})
}

// Warm throughput splits shards while the queue is read.
func TestQueues_scaling_110(t *testing.T) {
	accounts := queueAccounts()
	accounts.Stream.Limits.WriteBytesPerSecond, accounts.Stream.Limits.WriteRecordsPerSecond = 0, 0 // the service's
	onQueues(t, accounts, func(s *queueServer) {
		s.arn = s.create("q", fromHorizon, "")
		s.must("UpdateAccountSettings", `{"MinimumThroughputBillingCommitment":{"Status":"ENABLED"}}`)
		seen := make(map[string]bool)
		consume := func() {
			for {
				list := s.receive()
				if len(list) == 0 {
					return
				}
				for _, d := range list {
					seen[d.data()] = true
				}
				s.ack(handlesOf(list)...)
			}
		}
		for i := range 60 {
			if i == 20 {
				consume()
				s.must("UpdateStreamWarmThroughput", `{"StreamName":"D","WarmThroughputMiBps":16}`)
			}
			s.put(fmt.Sprint(i))
			s.pass(30 * time.Second)
		}
		open := s.must("DescribeStreamSummary", `{"StreamName":"D"}`)["StreamDescriptionSummary"].(map[string]any)["OpenShardCount"]
		assert.Equal(s.t, 16.0, open)
		consume()
		assert.Len(s.t, seen, 60)
	})
}

func TestQueues_withoutKey_111(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		s.must("UpdateStreamRecordDistributionStrategy", `{"StreamARN":"`+arnD+`","RecordDistributionStrategy":"AUTO"}`)
		s.arn = s.create("q", fromHorizon, "")
		s.must("PutRecord", `{"StreamName":"D","Data":"AAE="}`)
		d := s.receiveOne()
		assert.NotContains(s.t, d, "PartitionKey")
		assert.Equal(s.t, "AAE=", d["Data"])
	})
}

func TestQueues_sizes_112_113(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		s.must("UpdateMaxRecordSize", `{"StreamARN":"`+arnD+`","MaxRecordSizeInKiB":10240}`)
		s.arn = s.create("q", fromHorizon, "")
		put := func(n int) {
			s.must("PutRecord", `{"StreamName":"D","PartitionKey":"a","Data":"`+base64.StdEncoding.EncodeToString(make([]byte, n))+`"}`)
		}
		put(0)
		d := s.receiveOne()
		assert.Empty(s.t, d["Data"])
		s.ack(d.handle())
		put(10<<20 - 1)
		d = s.receiveOne()
		assert.Len(s.t, d.data(), 10<<20-1)
		s.ack(d.handle())
		for range 3 {
			put(5 << 20)
		}
		list := s.receive(`"Limit":10`)
		assert.NotEmpty(s.t, list)
		assert.LessOrEqual(s.t, len(list), 2, "10 MiB at most")
		assert.NotEmpty(s.t, s.receive(), "the others are still there")
	})
}

func TestQueues_aggregates_114(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		raw := "\xf3\x89\x9a\xc2\x0a\x01a\x1a\x05\x08\x00\x1a\x01x"
		s.must("PutRecord", `{"StreamName":"D","PartitionKey":"a","Data":"`+base64.StdEncoding.EncodeToString([]byte(raw))+`"}`)
		assert.Equal(s.t, raw, s.receiveOne().data(), "as it was put")
	})
}

func TestQueues_inFlight_115(t *testing.T) {
	accounts := queueAccounts()
	assert.Equal(t, 120_000, account.DefaultQueueInFlight)
	accounts.Quotas.QueueInFlight = 5
	onQueues(t, accounts, func(s *queueServer) {
		s.arn = s.create("q", fromHorizon, "")
		for i := range 7 {
			s.put(fmt.Sprint(i))
		}
		list := s.receive()
		assert.Len(s.t, list, 5, "what fits")
		assert.Equal(s.t, time.Second, took(func() { assert.Empty(s.t, s.receive()) }))
		s.ack(list[0].handle())
		list = s.receive()
		assert.Len(s.t, list, 1)
	})
}

func TestQueues_notActive_117_118(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		s.arn = s.must("CreateQueue", made("a", "", ""))["QueueDescription"].(map[string]any)["QueueARN"].(string)
		s.refuses(nf, receive, s.on())
		s.refuses(nf, acknowledge, s.on(entries("", "a")))
		s.pass(account.DefaultQueueDelay)
		go func() {
			time.Sleep(4 * time.Second)
			s.must("DeleteQueue", s.on())
		}()
		assert.Equal(s.t, 4*time.Second, took(func() { assert.Empty(s.t, s.receiveFrom(receive)) }))
		synctest.Wait()
	})
}

func TestQueues_clientThatGoes_119(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		ctx, cancel := context.WithCancel(s.t.Context())
		var done sync.WaitGroup
		done.Go(func() {
			r := request(receive, jsonType, []byte(s.on(`"WaitTimeSeconds":20`)))
			s.handler.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
		})
		time.Sleep(time.Second)
		cancel()
		done.Wait()
		s.put("a")
		assert.Equal(s.t, 1, s.receiveOne().count())
	})
}
