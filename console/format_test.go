package console_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/console"
)

// A number that is rounded has the form of what it is rounded to.
func TestFormat_roundsBeforeItChoosesAUnit(t *testing.T) {
	for n, want := range map[float64]string{
		0: "0", 7: "7", 0.5: "0.50", 9.994: "9.99", 9.996: "10.0", 99.94: "99.9", 99.96: "100", 999: "999", 999.4: "999", 999.6: "1,000", 1000: "1,000",
		12_345: "12,345", 99_999: "99,999", 99_999.6: "100 k", 100_000: "100 k", 999_499: "999 k", 999_500: "1.00 M", 999_499_000: "999 M", 999_500_000: "1.00 G", -1500: "−1,500",
	} {
		assert.Equal(t, want, console.CountText(n), n)
	}
	for n, want := range map[float64]string{
		0: "0 B", 1023: "1,023 B", 1023.6: "1.00 KiB", 1024: "1.00 KiB", 10.236 * 1024: "10.2 KiB", 1023.4 * 1024: "1023 KiB", 1023.6 * 1024: "1.00 MiB", 1 << 30: "1.00 GiB", 1 << 40: "1.00 TiB", 1 << 50: "1024 TiB",
	} {
		assert.Equal(t, want, console.BytesText(n), n)
	}
	for n, want := range map[float64]string{0: "0", 0.004: "< 0.01", 0.1: "0.1", 2: "2", 9.996: "10", 999.4: "999", 999.6: "1,000", 1500: "1,500"} {
		assert.Equal(t, want, console.RateText(n), n)
	}
	for d, want := range map[time.Duration]string{
		-1: "0 s", 0: "0 s", 999 * time.Millisecond: "999 ms", time.Second: "1.0 s", 9940 * time.Millisecond: "9.9 s", 10 * time.Second: "10 s", 119 * time.Second: "119 s",
		2 * time.Minute: "2 min", 2 * time.Hour: "2 h", 36 * time.Hour: "36 h", 84 * time.Hour: "3.5 days",
	} {
		assert.Equal(t, want, console.SpanText(d), d)
	}
}

// Commands are such as the AWS CLI and a shell take: what begins with a hyphen is no
// flag, what has other characters is one word, and ARNs are of the region's partition.
func TestCommand_isTakenAsItIsMeant(t *testing.T) {
	s := console.Stream{Name: "-orders", At: "111122223333/cn-north-1"}
	key := weir.HashKey{}
	for want, a := range map[string]console.Action{
		`aws kinesis put-record --stream-name=-orders '--partition-key=-it'\''s $HOME' --data eA== --explicit-hash-key 0 --region cn-north-1 --endpoint-url 'http://[::1]:4567'`: console.Put{Entry: weir.Entry{PartitionKey: "-it's $HOME", Data: []byte("x"), ExplicitHashKey: &key}},
		`aws kinesis delete-stream --stream-name=-orders --enforce-consumer-deletion --region cn-north-1 --endpoint-url 'http://[::1]:4567'`:                                     console.Delete{},
		`aws kinesis register-stream-consumer --stream-arn arn:aws-cn:kinesis:cn-north-1:111122223333:stream/-orders --consumer-name=--a --region cn-north-1 --endpoint-url 'http://[::1]:4567'`: console.Register{
			Consumer: "--a"},
	} {
		assert.Equal(t, want, console.CommandLine(a, s, "http://[::1]:4567"))
	}
	assert.Equal(t, "aws kinesis put-record --stream-name orders --partition-key k --data fileb://FILE",
		console.CommandLine(console.Put{Entry: weir.Entry{PartitionKey: "k", Data: make([]byte, 4000)}}, console.Stream{Name: "orders"}, ""))
}
