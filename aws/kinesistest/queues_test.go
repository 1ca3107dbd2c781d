package kinesistest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesistest"
)

// onDemand is the stream s with the queue q.
var onDemand = kinesistest.StreamSpec{Name: "s", OnDemand: true, Queues: []string{"q"}}

// post calls an operation in JSON, for which the SDK has no client yet.
func post(t testing.TB, k *kinesistest.Fake, op string, in map[string]any) (int, map[string]any, error) {
	t.Helper()
	body, err := json.Marshal(in)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://fake/", bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+op)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	response, err := k.Transport().RoundTrip(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var out map[string]any
	if len(text) > 0 {
		require.NoError(t, json.Unmarshal(text, &out))
	}
	return response.StatusCode, out, nil
}

// receive receives, and returns record ids and handles.
func receive(t testing.TB, k *kinesistest.Fake, arn string) (ids, handles []string) {
	t.Helper()
	status, out, err := post(t, k, "ReceiveQueueRecords", map[string]any{"QueueARN": arn, "WaitTimeSeconds": 1})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "%v", out)
	for _, r := range out["QueueRecords"].([]any) {
		ids = append(ids, r.(map[string]any)["RecordId"].(string))
		handles = append(handles, r.(map[string]any)["ReceiptHandle"].(string))
	}
	return ids, handles
}

func acknowledge(t testing.TB, k *kinesistest.Fake, arn string, handles ...string) (failed []any) {
	t.Helper()
	var entries []any
	for _, h := range handles {
		entries = append(entries, map[string]any{"ReceiptHandle": h})
	}
	status, out, err := post(t, k, "AcknowledgeQueueRecords", map[string]any{"QueueARN": arn, "Entries": entries})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "%v", out)
	return out["Failed"].([]any)
}

// A key that is disabled: the receive fails, and nothing was received.
func TestQueues_keyDisabled_116(t *testing.T) {
	k := kinesistest.New(t, onDemand)
	arn := k.QueueARN("s", "q")
	k.Put("s", "a", "x")
	k.Fail("ReceiveQueueRecords").Queue("q").Stream("s").Times(1).With(kinesistest.KMSDisabled).Required()
	status, out, err := post(t, k, "ReceiveQueueRecords", map[string]any{"QueueARN": arn})
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Equal(t, "KMSDisabledException", out["__type"])
	receive(t, k, arn)
	calls := k.Calls("ReceiveQueueRecords")
	require.Len(t, calls, 2)
	assert.Equal(t, "q", calls[1].Queue)
	assert.Equal(t, "s", calls[1].Stream)
	assert.Equal(t, 1, calls[1].Records)
	assert.Equal(t, arn, *kinesistest.InputOf[account.ReceiveQueueRecordsInput](calls[1]).QueueARN)
	got := kinesistest.OutputOf[account.ReceiveQueueRecordsOutput](calls[1])
	require.Len(t, got.QueueRecords, 1)
	assert.Equal(t, int32(1), got.QueueRecords[0].ReceiveCount)
	assert.Equal(t, "x", string(got.QueueRecords[0].Data))
}

// Entries fail by themselves; a receive whose answer is lost keeps its records
// until their time is over; operations are throttled as the service does it.
func TestQueues_faults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, onDemand)
		arn := k.QueueARN("s", "q")
		for i := range 3 {
			k.Put("s", fmt.Sprint(i), "x")
		}
		_, handles := receive(t, k, arn)
		for len(handles) < 3 {
			_, more := receive(t, k, arn)
			handles = append(handles, more...)
		}
		k.Fail("AcknowledgeQueueRecords").Times(1).ThrottleRecords(1)
		failed := acknowledge(t, k, arn, handles...)
		assert.Equal(t, []any{map[string]any{"ReceiptHandle": handles[1], "ErrorCode": "ThrottlingException", "ErrorMessage": "Rate exceeded"}}, failed)
		k.Fail("AcknowledgeQueueRecords").Times(1).FailRecords(kinesistest.InternalFailure)
		failed = acknowledge(t, k, arn, handles[1])
		assert.Equal(t, "InternalFailureException", failed[0].(map[string]any)["ErrorCode"])

		time.Sleep(30 * time.Second)
		k.Fail("ReceiveQueueRecords").Times(1).ResetAfter()
		_, _, err := post(t, k, "ReceiveQueueRecords", map[string]any{"QueueARN": arn})
		require.Error(t, err)
		began := k.Now()
		for ids := []string(nil); len(ids) == 0; ids, handles = receive(t, k, arn) {
		}
		assert.GreaterOrEqual(t, k.Now().Sub(began), 29*time.Second)
		assert.Empty(t, acknowledge(t, k, arn, handles...))

		k.Fail("ReceiveQueueRecords").Times(1).Throttle()
		status, out, err := post(t, k, "ReceiveQueueRecords", map[string]any{"QueueARN": arn})
		require.NoError(t, err)
		assert.Equal(t, http.StatusBadRequest, status)
		assert.Equal(t, "ThrottlingException", out["__type"])
	})
}

// Workers of a queue under chaos see every record, and the checker knows each by
// its id.
func TestQueues_checker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, onDemand, kinesistest.Chaos(1, kinesistest.Profile{ResetAfter: 0.1, ResetBefore: 0.1}))
		arn := k.QueueARN("s", "q")
		seen := k.Checker("s", kinesistest.FromAQueue())
		const records = 100
		for i := range records {
			k.Put("s", fmt.Sprint(i), fmt.Sprint(i))
		}
		var workers sync.WaitGroup
		for range 3 {
			workers.Go(func() {
				for !seen.Complete() {
					_, out, err := post(t, k, "ReceiveQueueRecords", map[string]any{"QueueARN": arn, "VisibilityTimeoutSeconds": 5})
					if err != nil || out["QueueRecords"] == nil {
						continue
					}
					var entries []any
					for _, r := range out["QueueRecords"].([]any) {
						seen.SawRecordID(r.(map[string]any)["RecordId"].(string))
						entries = append(entries, map[string]any{"ReceiptHandle": r.(map[string]any)["ReceiptHandle"]})
					}
					if len(entries) > 0 {
						post(t, k, "AcknowledgeQueueRecords", map[string]any{"QueueARN": arn, "Entries": entries})
					}
				}
			})
		}
		workers.Wait()
		assert.True(t, seen.Check())
		assert.Equal(t, records, seen.Seen())
	})
}

// What is no record of the stream is told.
func TestQueues_checkerKnowsStrangers(t *testing.T) {
	k := kinesistest.New(t, onDemand)
	k.Put("s", "a", "x")
	c := k.Checker("s", kinesistest.FromAQueue())
	c.SawRecords(account.QueueRecord{RecordId: k.Account().RecordID("s", k.Records("s")[0].SequenceNumber)})
	require.NoError(t, c.Err())
	failed := failing(t, func(s *spy) {
		k := kinesistest.New(s, onDemand)
		k.Checker("s", kinesistest.FromAQueue()).SawRecordID("abc")
	})
	assert.Contains(t, failed.said(), `record id "abc"`)
}

// On a clock that stands still a receive lets the time pass that it waits for.
func TestQueues_clockThatStandsStill(t *testing.T) {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	k := kinesistest.New(t, onDemand, kinesistest.Config{Start: start})
	arn := k.QueueARN("s", "q")
	before := k.Now()
	ids, _ := receive(t, k, arn)
	assert.Empty(t, ids)
	assert.Equal(t, time.Second, k.Now().Sub(before))
	k.Put("s", "a", "x")
	ids, _ = receive(t, k, arn)
	assert.Len(t, ids, 1)
	k.Advance(30 * time.Second)
	again, _ := receive(t, k, arn)
	assert.Equal(t, ids, again)
}
