package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
)

// operationNames are those that malformed requests are for.
var operationNames = []string{
	"PutRecord", "PutRecords", "GetRecords", "GetShardIterator", "ListShards", "ListStreams", "ListStreamConsumers",
	"DescribeStream", "DescribeStreamSummary", "RegisterStreamConsumer", "AddTagsToStream", "SubscribeToShard",
	"IncreaseStreamRetentionPeriod", "UpdateStreamMode", "PutResourcePolicy", "TagResource",
}

// members are names of members, of all shapes.
var members = []string{
	"StreamName", "StreamARN", "Data", "PartitionKey", "ExplicitHashKey", "Records", "ShardIterator", "Limit", "ShardId",
	"ShardIteratorType", "StartingSequenceNumber", "Timestamp", "NextToken", "MaxResults", "ShardFilter", "Tags",
	"ConsumerARN", "ConsumerName", "StartingPosition", "RetentionPeriodHours", "StreamModeDetails", "Policy",
}

// pick returns one of several.
func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

// soundJSON is a request that is well formed; most of its members do not fit.
func soundJSON(rng *rand.Rand) []byte {
	b := []byte{'{'}
	for i := range 1 + rng.IntN(6) {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "%q:%s", pick(rng, members), jsonValue(rng, 0))
	}
	return append(b, '}')
}

func jsonValue(rng *rand.Rand, depth int) string {
	const deepest = 4
	switch kind := rng.IntN(12); {
	case kind == 0:
		return "null"
	case kind == 1:
		return pick(rng, []string{"true", "false"})
	case kind == 2:
		return fmt.Sprint(rng.Int64() >> rng.IntN(64))
	case kind == 3:
		return pick(rng, []string{"-0", "0.1", "-1", "1e400", "-1e-400", "1E+2147483648", "9223372036854775808", "1.5e3"})
	case kind == 4:
		return pick(rng, []string{"1", "-", "12."}) + strings.Repeat("9", 1+rng.IntN(4000))
	case kind == 5 && depth < deepest:
		items := make([]string, rng.IntN(6))
		for i := range items {
			items[i] = jsonValue(rng, depth+1)
		}
		return "[" + strings.Join(items, ",") + "]"
	case kind == 6 && depth < deepest:
		return fmt.Sprintf("{%q:%s,%q:%s}", pick(rng, members), jsonValue(rng, depth+1), pick(rng, members), jsonValue(rng, depth+1))
	case kind == 7:
		return `"` + base64.StdEncoding.EncodeToString(randomBytes(rng, rng.IntN(300))) + `"`
	case kind == 8:
		return pick(rng, []string{`"\ud800"`, `"\udc00\ud800"`, `"\u0000"`, `"\x"`, `"\u12"`, "\"\n\"", "\"\xff\xfe\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\""})
	case kind == 9:
		return `"` + strings.Repeat(pick(rng, []string{"x", "é", "😀", `\u0041`, `\\`}), rng.IntN(2000)) + `"`
	default:
		return pick(rng, []string{`"orders"`, `"shardId-000000000000"`, `"TRIM_HORIZON"`, `"LATEST"`, `""`})
	}
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// malformedJSON is a request that something is the matter with.
func malformedJSON(rng *rand.Rand) []byte {
	const deep, many = 40_000, 5_000
	sound := soundJSON(rng)
	switch rng.IntN(14) {
	case 0: // truncated
		return sound[:rng.IntN(len(sound))]
	case 1: // nested deeply
		return []byte(strings.Repeat(pick(rng, []string{"[", `{"Tags":`, `[{"Records":`}), deep/(1+rng.IntN(100))))
	case 2: // and closed again
		n := deep / (1 + rng.IntN(100))
		return []byte(`{"Records":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}")
	case 3: // a number of many digits
		return []byte(`{"Limit":` + pick(rng, []string{"", "-", "1."}) + strings.Repeat("7", deep) + pick(rng, []string{"", "e9", "e"}) + "}")
	case 4: // the same member again and again
		return []byte(`{"StreamName":"orders"` + strings.Repeat(`,"StreamName":"orders"`, many) + "}")
	case 5: // members that nobody knows
		b := []byte(`{"a":0`)
		for i := range many {
			b = fmt.Appendf(b, `,"k%d":%d`, i, i)
		}
		return append(b, '}')
	case 6: // many small values
		return []byte(`{"Records":[` + strings.Repeat(pick(rng, []string{"0,", "{},", "null,", "[],", `"",`}), 4*many) + "0]}")
	case 7: // bits flipped
		for range 1 + rng.IntN(8) {
			sound[rng.IntN(len(sound))] ^= 1 << rng.IntN(8)
		}
		return sound
	case 8: // text that is no UTF-8
		return []byte("{\"StreamName\":\"" + strings.Repeat("\xff\xfe\xed\xa0\x80", rng.IntN(many)) + "\"}")
	case 9: // something behind its end
		return append(sound, pick(rng, []string{"}", "{}", "x", ",", "\x00", "\xef\xbb\xbf"})...)
	case 10: // something before its beginning
		return append([]byte(pick(rng, []string{"\xef\xbb\xbf", "/* */", "\x00", "\u00a0", ","})), sound...)
	case 11: // space
		return append(bytes.Repeat([]byte(" \n\t\r"), deep), sound...)
	case 12: // bytes
		return randomBytes(rng, 1+rng.IntN(many))
	default: // of wrong types only
		return sound
	}
}
