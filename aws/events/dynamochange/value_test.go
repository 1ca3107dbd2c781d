package dynamochange_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/events/dynamochange"
)

const allTypes = `{"M":{"b":{"B":"AAH/"},"bs":{"BS":["AA==","AQ=="]},"f":{"BOOL":false},"l":{"L":[{"S":""},{"L":[]},{"M":{}}]},` +
	`"n":{"N":"12345678901234567890123456789012345678"},"ns":{"NS":["1","-2.5E-100"]},"s":{"S":"<é>"},"ss":{"SS":["x","y"]},"z":{"NULL":true}}}`

func TestValue_allTypesThereAndBack(t *testing.T) {
	var v dynamochange.Value
	require.NoError(t, json.Unmarshal([]byte(allTypes), &v))
	back, err := v.MarshalJSON()
	require.NoError(t, err)
	assert.Equal(t, allTypes, string(back))

	var x any
	require.NoError(t, v.To(&x))
	assert.Equal(t, map[string]any{
		"b": []byte{0, 1, 255}, "bs": dynamochange.BinarySet{{0}, {1}}, "f": false, "l": []any{"", []any{}, map[string]any{}},
		"n": dynamochange.Number("12345678901234567890123456789012345678"), "ns": dynamochange.NumberSet{"1", "-2.5E-100"},
		"s": "<é>", "ss": dynamochange.StringSet{"x", "y"}, "z": nil,
	}, x)
	again, err := dynamochange.Of(x)
	require.NoError(t, err)
	assert.True(t, v.Equal(again))

	var theirs events.DynamoDBAttributeValue // Lambda's own type
	require.NoError(t, json.Unmarshal([]byte(allTypes), &theirs))
	text, err := json.Marshal(theirs)
	require.NoError(t, err)
	assert.JSONEq(t, allTypes, string(text))
}

func TestValue_whatIsNone(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"L":[`, n) + `{"S":""}` + strings.Repeat(`]}`, n) }
	var v dynamochange.Value
	require.NoError(t, json.Unmarshal([]byte(deep(dynamochange.MaxDepth)), &v))
	for text, says := range map[string]string{
		deep(dynamochange.MaxDepth + 1): "deeper than 32 levels",
		`{}`:                            "no object with one type",
		`{"S":"a","N":"1"}`:             "no object with one type",
		`{"S":1}`:                       "1 is no S",
		`{"S":null}`:                    "null is no S",
		`{"N":1}`:                       "1 is no N",
		`{"N":""}`:                      `number "": invalid`,
		`{"N":"0x1"}`:                   "invalid",
		`{"N":"1."}`:                    "invalid",
		`{"N":".5"}`:                    "invalid",
		`{"N":"+1"}`:                    "invalid",
		`{"N":"--1"}`:                   "invalid",
		`{"N":"1e"}`:                    "invalid",
		`{"N":"1e1_0"}`:                 "invalid",
		`{"N":"NaN"}`:                   "invalid",
		`{"N":"1e126"}`:                 "more than 38 digits, or not within",
		`{"N":"1e-131"}`:                "more than 38 digits, or not within",
		`{"N":"123456789012345678901234567890123456789"}`: "more than 38 digits",
		`{"B":"?"}`:              `"?" is no B`,
		`{"BOOL":"true"}`:        "is no BOOL",
		`{"NULL":false}`:         "is no NULL",
		`{"M":[]}`:               "is no M",
		`{"M":{"a":1}}`:          "1 is no object with one type",
		`{"L":{}}`:               "is no L",
		`{"L":["a"]}`:            "no object with one type",
		`{"SS":[]}`:              "an empty SS",
		`{"SS":["a","a"]}`:       "a SS with an element twice",
		`{"SS":["a",null]}`:      "null is no S",
		`{"NS":["1","1.0"]}`:     "a NS with an element twice",
		`{"NS":["x"]}`:           `number "x"`,
		`{"BS":["AA==","AA=="]}`: "a BS with an element twice",
		`{"X":1}`:                `there is no type "X"`,
	} {
		err := json.Unmarshal([]byte(text), &v)
		assert.ErrorIs(t, err, dynamochange.ErrInvalid, text)
		assert.ErrorContains(t, err, says, text)
	}
	_, err := dynamochange.Value{}.MarshalJSON()
	assert.ErrorIs(t, err, dynamochange.ErrInvalid)
}

func TestValue_equal(t *testing.T) {
	parse := func(text string) (v dynamochange.Value) {
		require.NoError(t, json.Unmarshal([]byte(text), &v), text)
		return v
	}
	for _, same := range [][2]string{
		{`{"N":"1"}`, `{"N":"1.0"}`}, {`{"N":"100"}`, `{"N":"1E2"}`}, {`{"N":"-0"}`, `{"N":"0.00"}`}, {`{"N":"0.0015"}`, `{"N":"15e-4"}`},
		{`{"SS":["a","b"]}`, `{"SS":["b","a"]}`}, {`{"NS":["1","2"]}`, `{"NS":["2.0","1"]}`}, {`{"BS":["AA==","AQ=="]}`, `{"BS":["AQ==","AA=="]}`},
		{`{"M":{"a":{"N":"1"},"b":{"S":""}}}`, `{"M":{"b":{"S":""},"a":{"N":"1e0"}}}`},
	} {
		assert.True(t, parse(same[0]).Equal(parse(same[1])), same)
	}
	for _, other := range [][2]string{
		{`{"N":"1"}`, `{"N":"-1"}`}, {`{"N":"1"}`, `{"S":"1"}`}, {`{"L":[{"S":"a"},{"S":"b"}]}`, `{"L":[{"S":"b"},{"S":"a"}]}`},
		{`{"L":[{"S":"a"},{"S":"b"}]}`, `{"L":[{"S":"ab"},{"S":""}]}`}, {`{"M":{"a":{"S":"1"}}}`, `{"M":{"b":{"S":"1"}}}`},
		{`{"SS":["a"]}`, `{"SS":["a","b"]}`}, {`{"NULL":true}`, `{"BOOL":true}`}, {`{"S":""}`, `{"B":""}`},
	} {
		assert.False(t, parse(other[0]).Equal(parse(other[1])), other)
	}
	assert.False(t, dynamochange.Item(nil).Equal(dynamochange.Item{}))
}

type inner struct {
	City string `dynamodbav:"city"`
}

type order struct {
	inner
	ID       string             `dynamodbav:"id"`
	Cents    int64              `dynamodbav:"cents"`
	Rate     float64            `dynamodbav:"rate,omitempty"`
	Large    *big.Int           `dynamodbav:"large,omitempty"`
	Tags     []string           `dynamodbav:"tags,stringset"`
	Counts   []int              `dynamodbav:"counts,numberset"`
	Blobs    [][]byte           `dynamodbav:"blobs,binaryset"`
	Raw      []byte             `dynamodbav:"raw,omitempty"`
	Sum      [2]byte            `dynamodbav:"sum"`
	At       time.Time          `dynamodbav:"at"`
	Expires  time.Time          `dynamodbav:"expires,unixtime"`
	Lines    []map[string]uint8 `dynamodbav:"lines"`
	Note     *string            `dynamodbav:"note"`
	Any      any                `dynamodbav:"any,omitempty"`
	Number   json.Number        `dynamodbav:"number"`
	Secret   string             `dynamodbav:"-"`
	Untagged bool
}

func TestOf_structsThereAndBack(t *testing.T) {
	large, _ := new(big.Int).SetString("12345678901234567890123456789012345678", 10)
	o := order{
		inner: inner{"Köln"}, ID: "o-1", Cents: math.MinInt64, Rate: 0.1, Large: large, Tags: []string{"b", "a"}, Counts: []int{3, 1}, Blobs: [][]byte{{1}, {}},
		Raw: []byte("x"), Sum: [2]byte{1, 2}, At: time.Unix(1, 5).UTC(), Expires: time.Unix(1700000000, 0).UTC(),
		Lines: []map[string]uint8{{"a": 255}, {}}, Any: "x", Number: "1.50", Untagged: true,
	}
	it, err := dynamochange.ItemOf(&o)
	require.NoError(t, err)
	text, err := json.Marshal(it)
	require.NoError(t, err)
	assert.JSONEq(t, `{"city":{"S":"Köln"},"id":{"S":"o-1"},"cents":{"N":"-9223372036854775808"},"rate":{"N":"0.1"},
		"large":{"N":"12345678901234567890123456789012345678"},"tags":{"SS":["b","a"]},"counts":{"NS":["3","1"]},"blobs":{"BS":["AQ==",""]},
		"raw":{"B":"eA=="},"sum":{"B":"AQI="},"at":{"S":"1970-01-01T00:00:01.000000005Z"},"expires":{"N":"1700000000"},
		"lines":{"L":[{"M":{"a":{"N":"255"}}},{"M":{}}]},"note":{"NULL":true},"any":{"S":"x"},"number":{"N":"1.50"},"Untagged":{"BOOL":true}}`, string(text))

	var read dynamochange.Item
	require.NoError(t, json.Unmarshal(text, &read))
	got := order{Secret: "kept", Note: new(string)}
	require.NoError(t, read.To(&got))
	o.Secret = "kept"
	assert.Equal(t, o, got)

	it, err = dynamochange.ItemOf(order{Number: "0"})
	require.NoError(t, err)
	for _, name := range []string{"rate", "large", "tags", "counts", "blobs", "raw", "any", "Secret"} {
		assert.NotContains(t, it, name)
	}
}

type circle struct{ Next *circle }

type badText struct{}

func (badText) MarshalText() ([]byte, error) { return nil, errors.New("no text") }
func (*badText) UnmarshalText([]byte) error  { return errors.New("no text") }

func TestOf_whatHasNone(t *testing.T) {
	round := &circle{}
	round.Next = round
	for name, row := range map[string]struct {
		x    any
		says string
	}{
		"a channel":    {make(chan int), "value: invalid: a chan int has no attribute value"},
		"within":       {map[string]any{"a": []any{1, func() {}}}, "a[1]: invalid: a func() has no attribute value"},
		"keys":         {map[int]string{1: ""}, "its keys are no strings"},
		"no number":    {math.NaN(), "NaN is no number"},
		"too large":    {1e200, "not within"},
		"digits":       {json.Number("1234567890123456789012345678901234567890"), "more than 38 digits"},
		"a circle":     {round, "deeper than 32 levels"},
		"an empty set": {dynamochange.StringSet{}, "an empty SS"},
		"twice": {struct {
			S []string `dynamodbav:",stringset"`
		}{[]string{"a", "a"}}, "S: invalid: "},
		"a set of others": {struct {
			S []int `dynamodbav:",stringset"`
		}{[]int{1}}, "a SS of a N"},
		"another option": {struct {
			S []int `dynamodbav:",set"`
		}{}, `there is no option "set"`},
		"a value that is none": {dynamochange.Value{}, "a Value that is none"},
		"no text":              {badText{}, "no text"},
		"no numbers":           {dynamochange.NumberSet{"x"}, `number "x"`},
	} {
		_, err := dynamochange.Of(row.x)
		assert.ErrorIs(t, err, dynamochange.ErrInvalid, name)
		assert.ErrorContains(t, err, row.says, name)
	}
	_, err := dynamochange.ItemOf("x")
	assert.ErrorContains(t, err, "string: invalid: it is no item but a S")
}

func TestValue_toWhatDoesNotFit(t *testing.T) {
	for name, row := range map[string]struct {
		v       any
		pointer any
		says    string
	}{
		"a fraction":      {1.5, new(int), "1.5 does not fit int"},
		"too large":       {300, new(int8), "300 does not fit int8"},
		"below zero":      {-1, new(uint), "-1 does not fit uint"},
		"a large float":   {dynamochange.Number("1e100"), new(float32), "1e100 does not fit float32"},
		"a number":        {1, new(string), "a N of DynamoDB's is no string"},
		"a string":        {"1", new(int), "a S of DynamoDB's is no int"},
		"text as number":  {"1", new(dynamochange.Number), "a S of DynamoDB's is no dynamochange.Number"},
		"bytes":           {[]byte{1}, new([2]byte), "a B of DynamoDB's is no [2]uint8"},
		"a bool":          {true, new(int), "a BOOL of"},
		"a map":           {map[string]int{}, new([]int), "a M of"},
		"a list":          {[]int{1}, new(map[string]int), "a L of"},
		"another length":  {[]int{1}, new([2]int), "1 elements are no [2]int"},
		"deep within":     {map[string]any{"a": []any{1, "x"}}, new(map[string][]int), "a[1]: invalid: a S of"},
		"a time":          {"yesterday", new(time.Time), "value: invalid: "},
		"no text":         {"x", new(badText), "no text"},
		"no whole number": {1.5, new(big.Int), "1.5 is no whole number"},
		"seconds": {map[string]any{"E": 1.5}, new(struct {
			E time.Time `dynamodbav:",unixtime"`
		}), "E: invalid: 1.5 are no seconds"},
		"an interface": {1, new(error), "a N of DynamoDB's is no error"},
	} {
		err := value(row.v).To(row.pointer)
		assert.ErrorIs(t, err, dynamochange.ErrInvalid, name)
		assert.ErrorContains(t, err, row.says, name)
	}
	for _, none := range []any{nil, 1, (*int)(nil)} {
		assert.ErrorIs(t, value(1).To(none), dynamochange.ErrInvalid)
	}
}

// What DynamoDB has as NULL sets zero values, whatever they were.
func TestValue_nullIsZero(t *testing.T) {
	n, s, p, m := 7, "x", new(int), map[string]int{"a": 1}
	for _, pointer := range []any{&n, &s, &p, &m} {
		require.NoError(t, value(nil).To(pointer))
		assert.True(t, reflect.ValueOf(pointer).Elem().IsZero())
	}
}
