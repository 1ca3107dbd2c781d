package cwlogs_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/events/cwlogs"
)

var message = cwlogs.Message{
	Owner: "111111111111", LogGroup: "/app", LogStream: "app-1", SubscriptionFilters: []string{"all"}, Type: cwlogs.Data,
	Events: []cwlogs.Event{
		{ID: "31953106606966983378809025079804211143289615424298221568", Time: time.UnixMilli(1432826855000).UTC(), Message: "GET / <200>"},
		{ID: "31953106606966983378809025079804211143289615424298221569", Time: time.UnixMilli(1432826855001).UTC(), Message: "two\nlines\n",
			Fields: map[string]string{"status": "500"}},
	},
}

func compress(t *testing.T, text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

func encode(t *testing.T, m cwlogs.Message) []byte {
	data, err := cwlogs.Encode(m)
	require.NoError(t, err)
	return data
}

func TestDecode_isTheReverseOfEncode(t *testing.T) {
	got, err := cwlogs.Decode(encode(t, message), 0)
	require.NoError(t, err)
	assert.Equal(t, message, got)
}

// What Lambda's own types make of a message is what is read here, and the
// reverse.
func TestDecode_agreesWithLambda(t *testing.T) {
	data := encode(t, message)
	theirs, err := events.CloudwatchLogsRawData{Data: base64.StdEncoding.EncodeToString(data)}.Parse()
	require.NoError(t, err)
	assert.Equal(t, message.LogStream, theirs.LogStream)
	assert.Equal(t, message.Type, theirs.MessageType)
	require.Len(t, theirs.LogEvents, 2)
	for i, e := range message.Events {
		assert.Equal(t, e.ID, theirs.LogEvents[i].ID)
		assert.Equal(t, e.Time.UnixMilli(), theirs.LogEvents[i].Timestamp)
		assert.Equal(t, e.Message, theirs.LogEvents[i].Message)
	}
}

// The example of the service's guide, as it comes in a record and as it is
// printed.
func TestDecode_formsOfARecord(t *testing.T) {
	const text = `{"owner":"111111111111","logGroup":"CloudTrail/logs","logStream":"111111111111_CloudTrail/logs_us-east-1",
		"subscriptionFilters":["Destination"],"messageType":"DATA_MESSAGE","logEvents":[
		{"id":"319","timestamp":1432826855000,"message":"{\"eventVersion\":\"1.03\"}"}]}`
	zipped := compress(t, text)
	for name, data := range map[string][]byte{
		"gzip":            zipped,
		"gzip in base64":  []byte(base64.StdEncoding.EncodeToString(zipped)),
		"with a line end": []byte(base64.StdEncoding.EncodeToString(zipped) + "\n"),
		"JSON":            []byte(text),
		"members":         append(compress(t, text[:60]), compress(t, text[60:])...),
	} {
		m, err := cwlogs.Decode(data, 0)
		require.NoError(t, err, name)
		assert.Equal(t, "Destination", m.SubscriptionFilters[0], name)
		assert.Equal(t, []cwlogs.Event{{ID: "319", Time: time.UnixMilli(1432826855000).UTC(), Message: `{"eventVersion":"1.03"}`}}, m.Events, name)
	}
}

func TestDecode_whatIsNoMessage(t *testing.T) {
	good := compress(t, `{"messageType":"DATA_MESSAGE"}`)
	for name, row := range map[string]struct {
		data []byte
		says string
	}{
		"nothing":         {nil, "it is empty"},
		"blanks":          {[]byte(" \n"), "it is empty"},
		"text":            {[]byte("GET / 200"), "neither gzip, nor gzip in base64, nor JSON"},
		"base64 of text":  {[]byte(base64.StdEncoding.EncodeToString([]byte("GET"))), "neither gzip"},
		"cut off":         {good[:len(good)-9], "unexpected EOF"},
		"only a header":   {good[:4], "unexpected EOF"},
		"a wrong sum":     {append(bytes.Clone(good[:len(good)-8]), 1, 2, 3, 4, 5, 6, 7, 8), "checksum"},
		"more behind it":  {append(bytes.Clone(good), "and more"...), "unexpected EOF"},
		"no JSON":         {compress(t, "GET"), "invalid character"},
		"another object":  {compress(t, `{"a":1}`), "it has no messageType"},
		"another type":    {compress(t, `{"messageType":"X"}`), `its messageType is "X", not DATA_MESSAGE or CONTROL_MESSAGE`},
		"a text for time": {compress(t, `{"messageType":"DATA_MESSAGE","logEvents":[{"timestamp":"1"}]}`), "timestamp"},
		"no time":         {compress(t, `{"messageType":"DATA_MESSAGE","logEvents":[{"message":""}]}`), "a log event has no timestamp"},
		"no message":      {compress(t, `{"messageType":"DATA_MESSAGE","logEvents":[{"timestamp":1}]}`), "a log event has no message"},
	} {
		_, err := cwlogs.Decode(row.data, 0)
		assert.ErrorIs(t, err, cwlogs.ErrInvalid, name)
		assert.ErrorContains(t, err, row.says, name)
		_, err = cwlogs.Extract(row.data, 0)
		assert.ErrorIs(t, err, cwlogs.ErrInvalid, name)
	}
}

// A small record cannot make much memory: what is past the limit is not read.
func TestDecode_isBounded(t *testing.T) {
	bomb := append(compress(t, `{"messageType":"DATA_MESSAGE","owner":"`), bytes.Repeat(compress(t, strings.Repeat("0", 1<<20)), cwlogs.MaxBytes>>20)...)
	require.Less(t, len(bomb), cwlogs.MaxBytes/500)
	_, err := cwlogs.Decode(bomb, 0)
	assert.ErrorIs(t, err, cwlogs.ErrTooLarge)
	assert.EqualError(t, err, "message of CloudWatch Logs: too large: more than 33554432 bytes")

	const text = `{"messageType":"CONTROL_MESSAGE"}`
	for name, data := range map[string][]byte{"gzip": compress(t, text), "JSON": []byte(text)} {
		_, err = cwlogs.Decode(data, len(text))
		assert.NoError(t, err, name)
		_, err = cwlogs.Decode(data, len(text)-1)
		assert.ErrorIs(t, err, cwlogs.ErrTooLarge, name)
	}
}

func TestExtract_aLineForEachEvent(t *testing.T) {
	lines, err := cwlogs.Extract(encode(t, message), 0)
	require.NoError(t, err)
	assert.Equal(t, "GET / <200>\ntwo\nlines\n", string(lines))

	lines, err = cwlogs.Extract(encode(t, cwlogs.Message{Type: cwlogs.Control, Events: message.Events}), 0)
	assert.NoError(t, err)
	assert.Empty(t, lines)
}

func TestEncode_refusesWhatWouldChange(t *testing.T) {
	_, err := cwlogs.Encode(cwlogs.Message{})
	assert.ErrorIs(t, err, cwlogs.ErrInvalid)
	_, err = cwlogs.Encode(cwlogs.Message{Type: cwlogs.Data, Events: []cwlogs.Event{{Message: "\xff"}}})
	assert.ErrorContains(t, err, "log event 0 is not UTF-8")
}

func FuzzDecode(f *testing.F) {
	data, _ := cwlogs.Encode(message)
	f.Add(data)
	f.Add([]byte(`{"messageType":"DATA_MESSAGE","logEvents":[{"timestamp":1,"message":"x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := cwlogs.Decode(data, 1<<16)
		if err != nil {
			return
		}
		again, err := cwlogs.Encode(m)
		require.NoError(t, err)
		got, err := cwlogs.Decode(again, 1<<20)
		require.NoError(t, err)
		require.Equal(t, len(m.Events), len(got.Events))
		for i := range m.Events {
			require.Equal(t, m.Events[i].Message, got.Events[i].Message)
			require.True(t, m.Events[i].Time.Equal(got.Events[i].Time))
		}
	})
}

func ExampleDecode() {
	data, _ := cwlogs.Encode(cwlogs.Message{
		Owner: "111111111111", LogGroup: "/app", LogStream: "app-1", Type: cwlogs.Data,
		Events: []cwlogs.Event{{ID: "1", Time: time.UnixMilli(1432826855000), Message: "GET / 200"}},
	})
	m, err := cwlogs.Decode(data, 0)
	if err != nil || !m.IsData() {
		return // control messages are probes
	}
	for _, e := range m.Events {
		fmt.Println(m.LogGroup, e.Time.Format(time.RFC3339), e.Message)
	}
	// Output: /app 2015-05-28T15:27:35Z GET / 200
}
