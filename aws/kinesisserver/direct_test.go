package kinesisserver

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// bodies are inputs of PutRecord and PutRecords, right, odd and wrong.
var bodies = []string{
	`{"StreamName":"s","PartitionKey":"a","Data":"AAE="}`,
	`{"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/s","Data":"","ExplicitHashKey":"0","SequenceNumberForOrdering":"5"}`,
	`{"StreamName":"s","Records":[{"Data":"AAE=","PartitionKey":"a"},{"PartitionKey":"é","Data":"","ExplicitHashKey":"340282366920938463463374607431768211456"}]}`,
	" { \"Records\" : [ { \"PartitionKey\" : \"a\" , \"Data\" : \"AA==\" } ] , \"StreamName\" : \"s\" } ",
	`{"StreamName":"s","Records":[{"Data":"AA\n==","PartitionKey":"a"}]}`,
	`{"StreamName":"s","Records":[{"Data":"AB==","PartitionKey":"a\\"}]}`,
	`{"StreamName":"s","Records":[{"Data":"AA==","Data":"AA=="}],"Records":[]}`,
	`{"ShardIterator":"AAAA","Limit":10,"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/s"}`, `{"Limit":00010,"ShardIterator":"x"}`, `{"ShardIterator":"x","Limit":100001}`, `{}`, `[]`, `{"a`, "",
}

// generally reads a body by its shape, as requests are that are not read
// directly.
func generally(t testing.TB, p protocol, op string, body []byte) (*value, bool) {
	for i := range operations {
		if operations[i].name != op {
			continue
		}
		v, err := p.parse(body)
		if err != nil || checkTypes(&v, operations[i].input) != nil || validate(&v, operations[i].input) != "" {
			return nil, false
		}
		return &v, true
	}
	t.Fatal("no operation", op)
	return nil, false
}

// What is read directly is also read generally, and is the same.
func sameEntries(t testing.TB, p protocol, body []byte) {
	read := map[string]func(*putRequest, []byte) bool{"PutRecord": (*putRequest).readJSONRecord, "PutRecords": (*putRequest).readJSONBatch}
	if p == protocolCBOR {
		read = map[string]func(*putRequest, []byte) bool{"PutRecord": (*putRequest).readCBORRecord, "PutRecords": (*putRequest).readCBORBatch}
	}
	for op, direct := range read {
		q := takePutRequest(len(body))
		if !direct(q, body) || len(q.entries) == 0 {
			continue
		}
		v, ok := generally(t, p, op, body)
		require.True(t, ok, "%s is read directly but not generally: %q", op, body)
		assert.Equal(t, textOf(v, "StreamName"), q.ref.Name)
		assert.Equal(t, textOf(v, "StreamARN"), q.ref.ARN)
		records := []value{*v}
		if op == "PutRecords" {
			records = v.get("Records").items
		}
		require.Len(t, q.entries, len(records))
		for i := range records {
			sameEntry(t, &records[i], &q.entries[i])
		}
	}
}

func textOf(v *value, name string) string {
	if m := v.get(name); m != nil {
		return m.text
	}
	return ""
}

func sameEntry(t testing.TB, want *value, got *weir.Entry) {
	assert.Equal(t, textOf(want, "PartitionKey"), got.PartitionKey)
	assert.True(t, bytes.Equal(want.get("Data").bytes, got.Data))
	hash := ""
	if got.ExplicitHashKey != nil {
		hash = got.ExplicitHashKey.String()
	}
	assert.Equal(t, textOf(want, "ExplicitHashKey"), hash)
	assert.Equal(t, textOf(want, "SequenceNumberForOrdering"), got.SequenceNumberForOrdering.String())
}

func sameRead(t testing.TB, p protocol, body []byte) {
	in, direct := readGetRecords(p, body)
	if !direct {
		return
	}
	v, ok := generally(t, p, "GetRecords", body)
	require.True(t, ok, "%q", body)
	want := new(account.GetRecordsInput)
	bind(v, operationNamed("GetRecords").input, want)
	assert.Equal(t, want, in)
}

func operationNamed(name string) *operation {
	for i := range operations {
		if operations[i].name == name {
			return &operations[i]
		}
	}
	return nil
}

func FuzzDirectJSON(f *testing.F) {
	for _, body := range bodies {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		sameEntries(t, protocolJSON, body)
		sameRead(t, protocolJSON, body)
	})
}

func FuzzDirectCBOR(f *testing.F) {
	for _, body := range bodies {
		var v any
		if json.Unmarshal([]byte(body), &v) == nil {
			b, err := cbor.Marshal(v)
			require.NoError(f, err)
			f.Add(b)
		}
	}
	f.Add([]byte("\xbf\x6aStreamName\x61s\x64Data\x42\x00\x01\x6cPartitionKey\x61a\xff"))
	f.Add([]byte("\xa2\x6aStreamName\x61s\x67Records\x9f\xbf\x64Data\x5f\x41\x00\x41\x01\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		sameEntries(t, protocolCBOR, body)
		sameRead(t, protocolCBOR, body)
	})
}

// Indefinite lengths, in chunks too, are read.
func TestCBOR_indefiniteLengths(t *testing.T) {
	for _, body := range []string{
		"\xbf\x6aStreamName\x61s\x64Data\x42\x00\x01\x6cPartitionKey\x61a\xff",
		"\xbf\x7f\x66Stream\x64Name\xff\x61s\x64Data\x5f\x41\x00\x41\x01\xff\x6cPartitionKey\x7f\x61a\xff\xff",
	} {
		v, ok := generally(t, protocolCBOR, "PutRecord", []byte(body))
		require.True(t, ok)
		assert.Equal(t, "s", textOf(v, "StreamName"))
		assert.Equal(t, "a", textOf(v, "PartitionKey"))
		assert.Equal(t, []byte{0, 1}, v.get("Data").bytes)
	}
}

// Times in CBOR are tagged milliseconds, or numbers of seconds.
func TestCBOR_timestamps(t *testing.T) {
	want := time.UnixMilli(1459799926480).UTC()
	for name, item := range map[string]any{
		"tagged milliseconds": cbor.Tag{Number: 1, Content: int64(1459799926480)},
		"seconds":             1459799926.480,
	} {
		body, err := cbor.Marshal(map[string]any{"StreamName": "s", "ShardId": "0", "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": item})
		require.NoError(t, err)
		v, ok := generally(t, protocolCBOR, "GetShardIterator", body)
		require.True(t, ok, name)
		assert.Equal(t, want, v.get("Timestamp").timestamp(), name)
	}
	assert.Equal(t, int64(minSeconds), (&value{kind: numberValue, number: -1e300}).timestamp().Unix())
	assert.Equal(t, int64(maxSeconds), (&value{kind: numberValue, number: 1e300}).timestamp().Unix())
}

// The parser agrees with encoding/json on what is JSON, and what it says.
func FuzzJSON(f *testing.F) {
	for _, body := range bodies {
		f.Add([]byte(body))
	}
	f.Add([]byte(`{"a":[1,-0.5e3,true,false,null,"\u00e9\ud800\n"],"b":{"c":{}},"a":2}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := parseJSON(body)
		var want map[string]any
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		valid := json.Valid(body) && d.Decode(&want) == nil && want != nil
		if err != nil {
			assert.True(t, !valid || tooDeep(body), "%q", body)
			return
		}
		require.True(t, valid, "%q", body)
		assert.Equal(t, want, asAny(&v))
	})
}

func tooDeep(body []byte) bool {
	return bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) > maxDepth
}

func asAny(v *value) any {
	switch v.kind {
	case mapValue:
		m := make(map[string]any)
		for i := range v.members {
			m[v.members[i].name] = asAny(&v.members[i].value)
		}
		return m
	case listValue:
		list := make([]any, 0)
		for i := range v.items {
			list = append(list, asAny(&v.items[i]))
		}
		return list
	case textValue:
		return v.text
	case numberValue:
		return json.Number(v.text)
	case trueValue, falseValue:
		return v.kind == trueValue
	}
	return nil
}

// Memory stays bounded whatever a body holds.
func TestParse_bounds(t *testing.T) {
	_, err := parseJSON([]byte(`{"a":[` + strings.Repeat("1,", maxValues) + `1]}`))
	assert.ErrorIs(t, err, errSyntax)
	_, err = parseJSON([]byte(strings.Repeat(`{"a":`, maxDepth+2) + "1" + strings.Repeat("}", maxDepth+2)))
	assert.ErrorIs(t, err, errSyntax)
	_, err = parseJSON([]byte(strings.Repeat(`[`, 1<<20)))
	assert.ErrorIs(t, err, errSyntax)
	_, err = parseCBOR(bytes.Repeat([]byte{0x9f}, 1<<20))
	assert.ErrorIs(t, err, errSyntax)
	_, err = parseCBOR([]byte("\xa1\x61a\x9b\x00\x00\x00\xff\xff\xff\xff\xff"))
	assert.ErrorIs(t, err, errSyntax)
	_, err = parseCBOR([]byte("\xa1\x61a\x5b\x7f\xff\xff\xff\xff\xff\xff\xff"))
	assert.ErrorIs(t, err, errSyntax)
}

// A printer prints what the numbers themselves print, in any order.
func TestNumberPrinter(t *testing.T) {
	clock := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	c := account.Instant().Stream
	c.Shards, c.Now = 40, func() time.Time { return clock }
	s, err := weir.NewStream("s", c)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	var printers numberPrinters
	for i := range 20000 {
		if i%5000 == 4999 {
			clock = clock.Add(time.Second)
		}
		r, err := s.PutRecord(t.Context(), strconv.Itoa(random.IntN(1000)), nil)
		require.NoError(t, err)
		if random.IntN(100) == 0 {
			continue // a gap
		}
		require.Equal(t, r.SequenceNumber.String(), string(printers.of(r.ShardID).append(nil, r.SequenceNumber)))
		require.Equal(t, r.ShardID.String(), string(appendShardID(nil, r.ShardID)))
		require.Equal(t, appendCBORText(nil, r.SequenceNumber.String()), printers.of(r.ShardID).appendCBOR(nil, r.SequenceNumber))
	}
}

// Texts in JSON are what encoding/json makes of them.
func FuzzJSONText(f *testing.F) {
	for _, s := range []string{"", "a", "é\u2028", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "\xff\xfe", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		require.NoError(t, json.Unmarshal(appendJSONText(nil, s), &got))
		assert.Equal(t, strings.ToValidUTF8(s, "\ufffd"), collapsed(got, s))
	})
}

// collapsed makes one U+FFFD of several in a row, as ToValidUTF8 does, if s is
// no UTF-8.
func collapsed(got, s string) string {
	if strings.ToValidUTF8(s, "") == s {
		return got
	}
	for strings.Contains(got, "\ufffd\ufffd") {
		got = strings.ReplaceAll(got, "\ufffd\ufffd", "\ufffd")
	}
	return got
}

// Events decode, with right checksums, to what was put into them.
func FuzzEventStream(f *testing.F) {
	f.Add("key", []byte{0, 1}, int64(1793534400250), "KMS")
	f.Add("é\"", []byte{}, int64(-1), "")
	f.Fuzz(func(t *testing.T, key string, data []byte, ms int64, encryption string) {
		key, encryption = strings.ToValidUTF8(key, ""), strings.ToValidUTF8(encryption, "")
		ms %= maxSeconds * 1000
		recorder := newRecorder()
		w := newEventWriter(&exchange{w: recorder})
		require.NoError(t, w.initial())
		require.NoError(t, w.event(appendEvent(nil, &account.SubscribeToShardEvent{
			Records:         []weir.Record{{PartitionKey: key, Data: data, ArrivalTime: time.UnixMilli(ms)}},
			EncryptionTypes: []string{encryption}, ContinuationSequenceNumber: "1",
		})))
		decoder := eventstream.NewDecoder()
		_, err := decoder.Decode(&recorder.body, nil)
		require.NoError(t, err)
		m, err := decoder.Decode(&recorder.body, nil)
		require.NoError(t, err)
		var got struct {
			Records []struct {
				PartitionKey, EncryptionType string
				Data                         []byte
				ApproximateArrivalTimestamp  json.Number
			}
			ChildShards []any
		}
		require.NoError(t, json.Unmarshal(m.Payload, &got))
		require.Len(t, got.Records, 1)
		assert.Equal(t, key, got.Records[0].PartitionKey)
		assert.Equal(t, encryption, got.Records[0].EncryptionType)
		assert.True(t, bytes.Equal(data, got.Records[0].Data))
		seconds, err := got.Records[0].ApproximateArrivalTimestamp.Float64()
		require.NoError(t, err)
		assert.Equal(t, ms, int64(seconds*1000+copysignHalf(seconds)))
		assert.Nil(t, got.ChildShards)
	})
}

func copysignHalf(x float64) float64 {
	if x < 0 {
		return -0.5
	}
	return 0.5
}

// Base64 that is not to the letter is left to the general way, which words it.
func FuzzBase64(f *testing.F) {
	for _, s := range []string{"", "AAE=", "AA==", "AB==", "A\nAE=", "AAE", "=AAA", "AA=A", "++//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := takePutRequest(len(s))
		e := q.entry()
		direct := q.readBase64(e, []byte(s))
		v := value{kind: textValue, text: s}
		err := decodeBlob(&v)
		require.Equal(t, err == nil, direct, "%q", s)
		if direct {
			assert.True(t, bytes.Equal(v.bytes, e.Data))
			assert.Equal(t, s, base64.StdEncoding.EncodeToString(e.Data))
		}
	})
}
