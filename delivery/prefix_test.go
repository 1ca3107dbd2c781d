package delivery

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var oldest = time.Date(2024, 3, 5, 7, 8, 9, 123_456_789, time.UTC)

// The examples of the service's documentation, and of what it leaves open the
// choices of docs/delivery.md.
func TestPrefix_examples(t *testing.T) {
	const bad = "err/!{firehose:error-output-type}/"
	random := randomString("seed", 1)
	require.Len(t, random, 11)
	for _, row := range []struct{ prefix, failures, good, failed string }{
		{"", "", "2024/03/05/07/", "processing-failed/2024/03/05/07/"},
		{"in/", "", "in/2024/03/05/07/", "in/processing-failed/2024/03/05/07/"},
		{"logs", "", "logs2024/03/05/07/", "logsprocessing-failed/2024/03/05/07/"},
		{"in/y=!{timestamp:yyyy}/", bad, "in/y=2024/", "err/processing-failed/2024/03/05/07/"},
		{"in/!{firehose:random-string}/", bad + "!{timestamp:yyyy-MM-dd}/", "in/" + random + "/2024/03/05/07/", "err/processing-failed/2024-03-05/"},
		{"c=!{partitionKeyFromQuery:customer}/", bad, "c=c1/2024/03/05/07/", "err/processing-failed/2024/03/05/07/"},
		{"c=!{partitionKeyFromLambda:customer}/!{timestamp:HH}/", bad, "c=c1/07/", "err/processing-failed/2024/03/05/07/"},
		{"in/", "err/", "in/2024/03/05/07/", "err/2024/03/05/07/"},
		{"!/{}!x", "e", "!/{}!x2024/03/05/07/", "e2024/03/05/07/"},
	} {
		p, errs := parsePrefixes(row.prefix, row.failures, "")
		require.Empty(t, errs, "%+v", row)
		v := values{arrival: oldest, failure: "processing-failed", seed: "seed", keys: []string{"c1"}[:len(p.good.keys)]}
		assert.Equal(t, row.good, p.good.evaluate(v), "%+v", row)
		assert.Equal(t, row.failed, p.bad.evaluate(v), "%+v", row)
	}
}

func TestPrefix_refusesWhatTheServiceRefuses(t *testing.T) {
	for _, row := range []struct{ prefix, failures, raw, want string }{
		{"in/y=!{timestamp:yyyy}/h=!{timestamp:HH}/", "", "", "ErrorPrefix: is empty, but must be set because Prefix has an expression"},
		{"", "err/!{timestamp:yyyy}/", "", `ErrorPrefix: "err/!{timestamp:yyyy}/" has an expression, but not !{firehose:error-output-type}`},
		{"!{firehose:error-output-type}", "e/", "", `Prefix: "!{firehose:error-output-type}" has !{firehose:error-output-type}, which is for ErrorPrefix`},
		{"", "!{partitionKeyFromQuery:a}!{firehose:error-output-type}", "", `ErrorPrefix: "!{partitionKeyFromQuery:a}!{firehose:error-output-type}" refers to partition key "a"; records that fail have none`},
		{"!{timestamp:yyyy", "e/", "", `Prefix: "!{timestamp:yyyy" has an expression that does not end`},
		{"!{time:yyyy}", "e/", "", `Prefix: expression !{time:yyyy}: "time" is none of timestamp, firehose, partitionKeyFromQuery and partitionKeyFromLambda`},
		{"!{timestamp}", "e/", "", "Prefix: expression !{timestamp}: it has no colon"},
		{"!{timestamp:}", "e/", "", "Prefix: expression !{timestamp:}: the pattern is empty"},
		{"!{timestamp:yyyy-bb}", "e/", "", `Prefix: expression !{timestamp:yyyy-bb}: "yyyy-bb" has 'b', which is no field; text belongs into single quotes`},
		{"!{timestamp:ddd}", "e/", "", `Prefix: expression !{timestamp:ddd}: "ddd" has 'd' 3 times; up to 2 mean something`},
		{"!{timestamp:'x}", "e/", "", `Prefix: expression !{timestamp:'x}: "'x" has a quote that does not end`},
		{"!{timestamp:[}", "e/", "", `Prefix: expression !{timestamp:[}: "[" has '[', which is reserved; put it into single quotes`},
		{"!{firehose:random}", "e/", "", `Prefix: expression !{firehose:random}: "random" is neither random-string nor error-output-type`},
		{"!{partitionKeyFromQuery:}", "e/", "", "Prefix: expression !{partitionKeyFromQuery:}: it names no key"},
		{strings.Repeat("p", 1025), "", "", "Prefix: has 1025 bytes; up to 1024 are allowed"},
		{"a\xec", "", "", `Prefix: "a\xec" is not UTF-8, as names of objects are`},
		{"", "", "\xec!{timestamp:\xb4\xb4y}", `BackupPrefix: "\xec!{timestamp:\xb4\xb4y}" is not UTF-8, as names of objects are`},
		{"", "", "!{partitionKeyFromQuery:a}", `BackupPrefix: "!{partitionKeyFromQuery:a}" refers to an error or a partition key; raw records have none`},
	} {
		_, errs := parsePrefixes(row.prefix, row.failures, row.raw)
		assert.EqualError(t, errors.Join(errs...), row.want)
	}
}

// A prefix that is too long whatever its expressions stand for is refused at
// once, at one character too many; with values it is known for each object only.
func TestPrefix_refusesWhatIsTooLongForEveryObject(t *testing.T) {
	const bad = "err/!{firehose:error-output-type}/"
	of := func(n int) string { return strings.Repeat("p", n) }
	for _, row := range []struct{ prefix, failures, raw, want string }{
		{of(498), bad, of(498), ""},
		{of(499), bad, "", "Prefix: has 513 characters at least when it is evaluated; up to 512 are allowed"},
		{of(1010), bad, "", "Prefix: has 1024 characters at least when it is evaluated; up to 512 are allowed"},
		{"", "", of(499), "BackupPrefix: has 513 characters at least when it is evaluated; up to 512 are allowed"},
		{"", of(499), "", "ErrorPrefix: has 513 characters at least when it is evaluated; up to 512 are allowed"},
		{"", of(474) + "!{firehose:error-output-type}", "", ""},
		{"", of(475) + "!{firehose:error-output-type}", "", "ErrorPrefix: has 513 characters at least when it is evaluated; up to 512 are allowed"},
		{of(473), "", "", ""},
		{of(474), "", "", "ErrorPrefix: is empty, and Prefix with the type of an error has 513 characters; up to 512 are allowed"},
		{strings.Repeat("é", 498), bad, "", ""}, // characters, not bytes
		{strings.Repeat("世", 340), "", "", ""},  // with the type of an error it has more than 1024 bytes
		{of(501) + "!{firehose:random-string}!{timestamp:''}", bad, "", "Prefix: has 513 characters at least when it is evaluated; up to 512 are allowed"},
		{of(497) + "!{partitionKeyFromQuery:a}", bad, "", ""},
		{of(498) + "!{partitionKeyFromQuery:a}", bad, "", "Prefix: has 513 characters at least when it is evaluated; up to 512 are allowed"},
		{"!{partitionKeyFromQuery:" + of(990) + "}/", bad, "", ""},
		{of(499) + "!{timestamp:MMMM EEEE DH}", bad, "", ""}, // of a Monday in May, and the day of a January
		{of(500) + "!{timestamp:MMMM EEEE DH}", bad, "", "Prefix: has 513 characters at least when it is evaluated; up to 512 are allowed"},
	} {
		_, errs := parsePrefixes(row.prefix, row.failures, row.raw)
		if err := errors.Join(errs...); row.want == "" {
			assert.NoError(t, err, "%.40s %.40s %.40s", row.prefix, row.failures, row.raw)
		} else {
			assert.EqualError(t, err, row.want)
		}
	}
}

// A pattern is never shorter than it is said to be at least, and sometimes it is
// as short.
func TestPattern_least(t *testing.T) {
	shortest := make(map[string]int)
	for letter, most := range mostLetters {
		for n := 1; n <= most; n++ {
			text := strings.Repeat(string(letter), n)
			p, err := parsePattern(text)
			require.NoError(t, err)
			shortest[text] = 1 << 10
			for hours := range 366 * 24 {
				shortest[text] = min(shortest[text], len(p.format(nil, oldest.Add(time.Duration(hours)*time.Hour+time.Duration(hours%61)*time.Second))))
			}
			assert.Equal(t, shortest[text], p.least(), text)
		}
	}
}

func TestPrefix_randomStringsDiffer(t *testing.T) {
	p, err := parsePrefix("Prefix", "!{firehose:random-string}/!{firehose:random-string}")
	require.NoError(t, err)
	one := strings.Split(p.evaluate(values{seed: "1"}), "/")
	two := strings.Split(p.evaluate(values{seed: "2"}), "/")
	assert.NotEqual(t, one[0], one[1], "each use")
	assert.NotEqual(t, one[0], two[0], "each object")
	assert.Equal(t, one[0], strings.Split(p.evaluate(values{seed: "1"}), "/")[0], "the same object again")
}

func TestPattern_fields(t *testing.T) {
	evening := time.Date(2024, 12, 30, 19, 8, 9, 123_456_789, time.UTC)
	midnight := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		pattern string
		at      time.Time
		want    string
	}{
		{"y yy yyy yyyy yyyyy u uuuu", oldest, "2024 24 2024 2024 02024 2024 2024"},
		{"M MM MMM MMMM MMMMM L LL", oldest, "3 03 Mar March M 3 03"},
		{"d dd D DD DDD", oldest, "5 05 65 65 065"},
		{"H HH h hh k kk K KK", oldest, "7 07 7 07 7 07 7 07"},
		{"H HH h hh k kk K KK a", evening, "19 19 7 07 19 19 7 07 PM"},
		{"H HH h hh k kk K KK a", midnight, "0 00 12 12 24 24 0 00 AM"},
		{"m mm s ss", oldest, "8 08 9 09"},
		{"S SS SSS SSSSSSSSS", oldest, "1 12 123 123456789"},
		{"E EE EEE EEEE EEEEE", oldest, "Tue Tue Tue Tuesday T"},
		{"w ww YYYY", oldest, "10 10 2024"},
		{"w ww YYYY yyyy", evening, "1 01 2025 2024"},
		{"Q QQ QQQ QQQQ", oldest, "1 01 Q1 1st quarter"},
		{"yyyy-MM-dd'T'HH:mm''ss 'o''clock' é", oldest, "2024-03-05T07:08'09 o'clock é"},
	} {
		p, err := parsePattern(row.pattern)
		require.NoError(t, err, row.pattern)
		assert.Equal(t, row.want, string(p.format(nil, row.at)), row.pattern)
	}
}

// Whatever is accepted can be evaluated, twice alike, and text stands for itself.
func FuzzPrefix(f *testing.F) {
	for _, seed := range []string{"in/", "!{timestamp:yyyy/MM/dd/HH/}", "c=!{partitionKeyFromQuery:c}/!{firehose:random-string}", "!{timestamp:'a''b'S}", "\xec!{timestamp:\xb4\xb4Q}", "!{", "!{x}!{"} {
		f.Add(seed, "err/!{firehose:error-output-type}/")
	}
	f.Fuzz(func(t *testing.T, good, bad string) {
		p, errs := parsePrefixes(good, bad, "")
		if len(errs) > 0 {
			return
		}
		v := values{arrival: oldest, failure: longestErrorType, seed: "1", keys: slices.Repeat([]string{"k"}, len(p.good.keys))}
		first := p.good.evaluate(v)
		require.Equal(t, first, p.good.evaluate(v))
		require.True(t, p.good.timed && p.bad.timed)
		require.LessOrEqual(t, p.good.least(), utf8.RuneCountInString(first))
		if !strings.Contains(good, "!{") {
			require.Equal(t, good+"2024/03/05/07/", first)
		}
		if bad != "" && strings.Contains(bad, "!{") {
			require.Contains(t, p.bad.evaluate(v), longestErrorType)
		}
	})
}
