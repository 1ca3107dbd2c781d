package eventbridge_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/events/eventbridge"
)

const ruleARN = "arn:aws:events:us-east-2:123456789012:rule/example"

var ingested = time.Date(2015, 11, 11, 21, 29, 55, 999, time.UTC)

// The examples of the service's guide, and what it was seen to do with what is
// not there.
func TestTransformer_fillsTemplates(t *testing.T) {
	paths := map[string]string{
		"timestamp": "$.time", "instance": "$.detail.instance-id", "state": "$.detail.state", "nothing": "$.detail.nothing",
		"detail": "$.detail", "resources": "$.resources", "first": "$.resources[0]", "values": "$.detail.*",
	}
	const arn = `arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111`
	for template, want := range map[string]string{
		`"instance <instance> is in <state>"`:                                                                              `"instance i-0123456789 is in RUNNING"`,
		`"instance \"<instance>\" is in <state>"`:                                                                          `"instance \"i-0123456789\" is in RUNNING"`,
		"{\n  \"instance\" : <instance>,\n  \"state\": <state>\n}":                                                         `{"instance":"i-0123456789","state":"RUNNING"}`,
		`{"instance": <instance>, "state": "<state>", "instanceStatus": "instance \"<instance>\" is in <state>"}`:          `{"instance":"i-0123456789","state":"RUNNING","instanceStatus":"instance \"i-0123456789\" is in RUNNING"}`,
		`{"instance": <instance>, "state": [9, <state>, true], "Transformed": "Yes"}`:                                      `{"instance":"i-0123456789","state":[9,"RUNNING",true],"Transformed":"Yes"}`,
		`{"ruleArn": <aws.events.rule-arn>, "ruleName": <aws.events.rule-name>, "originalEvent": <aws.events.event.json>}`: `{"ruleArn":"` + ruleARN + `","ruleName":"example","originalEvent":` + eventText + `}`,
		`"<aws.events.rule-name> triggered"`:                                                                               `"example triggered"`,
		`"<aws.events.rule-arn> at <aws.events.event.ingestion-time>"`:                                                     `"` + ruleARN + ` at 2015-11-11T21:29:55Z"`,
		`<aws.events.event>`: `{"version":"0","id":"7bf73129-1428-4cd3-a780-95db273d1602","detailType":"EC2 Instance State-change Notification",` +
			`"source":"aws.ec2","account":"123456789012","time":"2015-11-11T21:29:54Z","region":"us-east-1","resources":["` + arn + `"]}`,
		`{"timestamp": <timestamp>}`:              `{"timestamp":"2015-11-11T21:29:54Z"}`,
		`"what is <nothing> is left out"`:         `"what is  is left out"`,
		`{"nothing": <nothing>}`:                  `{"nothing":""}`,
		`"{[/ begins like others, <state>"`:       `"{[/ begins like others, RUNNING"`,
		`"of <detail> there is"`:                  `"of {instance-id:i-0123456789,state:RUNNING} there is"`,
		`"of <resources> there is"`:               `"of [` + arn + `] there is"`,
		`[<detail>,<resources>,<first>,<values>]`: `[{"instance-id":"i-0123456789","state":"RUNNING"},["` + arn + `"],"` + arn + `",["i-0123456789","RUNNING"]]`,
		`"1 < 2"`: `"1 < 2"`,
		`<state>`: `"RUNNING"`,
		`7`:       `7`,
	} {
		tr, err := eventbridge.NewTransformer(paths, template)
		require.NoError(t, err, template)
		got, err := tr.Apply([]byte(eventText), "example", ruleARN, ingested)
		require.NoError(t, err, template)
		assert.Equal(t, want, string(got), template)
	}
}

// Values are those of the event, whatever Go would make of them.
func TestTransformer_keepsWhatValuesAre(t *testing.T) {
	const text = `{"id":"1","source":"s","detail-type":"t","detail":{"n":12345678901234567890.50,"e":1e400,"z":null,"o":{"b":1,"a":2},"s":"<é&\n"}}`
	tr, err := eventbridge.NewTransformer(map[string]string{"n": "$.detail.n", "e": "$.detail.e", "z": "$.detail.z", "o": "$.detail.o", "s": "$.detail.s"},
		`{"n":<n>,"e":<e>,"z":<z>,"o":<o>,"s":<s>,"all":"<n> <e> <z> <o>"}`)
	require.NoError(t, err)
	got, err := tr.Apply([]byte(text), "", "", ingested)
	require.NoError(t, err)
	assert.Equal(t, `{"n":12345678901234567890.50,"e":1e400,"z":null,"o":{"b":1,"a":2},"s":"<é&\n",`+
		`"all":"12345678901234567890.50 1e400 null {b:1,a:2}"}`, string(got))
}

// Values are not escaped within strings: the service's guide says so. What is
// no JSON then is told.
func TestTransformer_doesNotEscapeWithinStrings(t *testing.T) {
	tr, err := eventbridge.NewTransformer(map[string]string{"v": "$.detail.v"}, `"<v>"`)
	require.NoError(t, err)
	for value, ok := range map[string]bool{`plain`: true, `\\n`: true, `\"`: false, `\n`: false} {
		got, err := tr.Apply([]byte(`{"detail":{"v":"`+value+`"}}`), "", "", ingested)
		if ok {
			assert.NoError(t, err, value)
			assert.True(t, json.Valid(got), value)
		} else {
			assert.ErrorIs(t, err, eventbridge.ErrInvalid, value)
		}
	}
}

func TestNewTransformer_whatIsNone(t *testing.T) {
	a := map[string]string{"a": "$.detail.a"}
	many := map[string]string{}
	for i := range 101 {
		many[fmt.Sprint("v", i)] = "$"
	}
	for name, row := range map[string]struct {
		paths    map[string]string
		template string
		says     string
	}{
		"no template":           {a, ``, "it has 0 bytes, not 1 to 8192"},
		"a long template":       {a, `"` + strings.Repeat("x", 8191) + `"`, "it has 8193 bytes, not 1 to 8192"},
		"many paths":            {many, `<v1>`, "it has 101 paths, more than 100"},
		"another variable":      {a, `"<a> <b>"`, "it contains the invalid placeholder b"},
		"a blank in it":         {a, `"< a>"`, "it contains the invalid placeholder  a"},
		"another predefined":    {a, `<aws.events.rule>`, "invalid placeholder aws.events.rule"},
		"no quotation marks":    {a, `<a> is here`, "after top-level value"},
		"text":                  {a, `instance <a>`, "it is no JSON"},
		"an open object":        {a, `{"x": <a>`, "it is no JSON"},
		"two values":            {a, `<a> <a>`, "after top-level value"},
		"as a name":             {a, `{<a>: 1}`, "a placeholder is the name of a field"},
		"in a name":             {a, `{"x": [{"the <a>": 1}]}`, "a placeholder is the name of a field"},
		"the event in a string": {nil, `"of <aws.events.event.json>"`, "<aws.events.event.json> stands within a string"},
		"less of it in one":     {nil, `{"x": "\"<aws.events.event>"}`, "<aws.events.event> stands within a string"},
		"a name of the service": {map[string]string{"AWS.x": "$"}, `1`, `"AWS.x" is no name of a variable`},
		"a name with a blank":   {map[string]string{"a b": "$"}, `1`, `"a b" is no name of a variable`},
		"a name with a slash":   {map[string]string{"a/b": "$"}, `1`, `"a/b" is no name of a variable`},
		"a long name":           {map[string]string{strings.Repeat("n", 257): "$"}, `1`, "is no name of a variable"},
		"no name":               {map[string]string{"": "$"}, `1`, `"" is no name of a variable`},
		"a path in brackets":    {map[string]string{"a": "$['x']"}, `1`, "a name in brackets, at byte 1, is not for transformers"},
		"a path from somewhere": {map[string]string{"a": "x.y"}, `1`, "variable a: path \"x.y\": invalid: it does not begin with $"},
	} {
		_, err := eventbridge.NewTransformer(row.paths, row.template)
		assert.ErrorIs(t, err, eventbridge.ErrInvalid, name)
		assert.ErrorContains(t, err, row.says, name)
	}
}

// Whatever template is taken: with values that need no escapes it makes JSON.
func FuzzNewTransformer(f *testing.F) {
	for _, template := range []string{`"<a>"`, `{"x":<a>,"y":"\"<a>"}`, `[<aws.events.event>,"<"]`, `{"<a>":1}`, `"\\<a>\\"`} {
		f.Add(template, "$.detail.state")
	}
	f.Fuzz(func(t *testing.T, template, path string) {
		tr, err := eventbridge.NewTransformer(map[string]string{"a": path}, template)
		if err != nil {
			require.ErrorIs(t, err, eventbridge.ErrInvalid)
			return
		}
		out, err := tr.Apply([]byte(eventText), "example", ruleARN, ingested)
		if err != nil {
			require.True(t, errors.Is(err, eventbridge.ErrInvalid))
			t.Fatalf("%q with %q: %v", template, path, err)
		}
		require.True(t, json.Valid(out))
	})
}

func ExampleTransformer() {
	t, err := eventbridge.NewTransformer(map[string]string{"instance": "$.detail.instance-id", "state": "$.detail.state"},
		`{"instance": <instance>, "said": "it is <state>", "rule": <aws.events.rule-name>}`)
	if err != nil {
		panic(err)
	}
	out, err := t.Apply([]byte(eventText), "example", ruleARN, time.Now())
	fmt.Println(string(out), err)
	// Output: {"instance":"i-0123456789","said":"it is RUNNING","rule":"example"} <nil>
}
