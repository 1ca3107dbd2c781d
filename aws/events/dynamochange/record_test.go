package dynamochange_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/events/dynamochange"
)

// value returns an attribute value of a Go value.
func value(x any) dynamochange.Value {
	v, err := dynamochange.Of(x)
	if err != nil {
		panic(err)
	}
	return v
}

func item(x map[string]any) dynamochange.Item {
	it, err := dynamochange.ItemOf(x)
	if err != nil {
		panic(err)
	}
	return it
}

const milliText = `{"awsRegion":"us-east-1","eventID":"2f1c","eventName":"INSERT","userIdentity":null,"recordFormat":"application/json",` +
	`"tableName":"Orders","dynamodb":{"ApproximateCreationDateTime":1636603217123,"Keys":{"pk":{"S":"a"}},"NewImage":{"pk":{"S":"a"}},"SizeBytes":12},` +
	`"eventSource":"aws:dynamodb"}`

const microText = `{"awsRegion":"us-east-1","eventID":"2f1d","eventName":"REMOVE","userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"},` +
	`"recordFormat":"application/json","tableName":"Orders","dynamodb":{"ApproximateCreationDateTime":1636603217123456,` +
	`"ApproximateCreationDateTimePrecision":"MICROSECOND","Keys":{"pk":{"S":"a"}},"OldImage":{"n":{"N":"1.50"},"pk":{"S":"<a>"}},"SizeBytes":12},"eventSource":"aws:dynamodb"}`

func TestRecord_thereAndBackInBothPrecisions(t *testing.T) {
	for text, want := range map[string]dynamochange.Record{
		milliText: {
			Region: "us-east-1", EventID: "2f1c", EventName: dynamochange.Insert, TableName: "Orders",
			Created: time.Date(2021, 11, 11, 4, 0, 17, 123e6, time.UTC), Keys: item(map[string]any{"pk": "a"}),
			NewImage: item(map[string]any{"pk": "a"}), SizeBytes: 12,
		},
		microText: {
			Region: "us-east-1", EventID: "2f1d", EventName: dynamochange.Remove, TableName: "Orders",
			Created: time.Date(2021, 11, 11, 4, 0, 17, 123456e3, time.UTC), Precision: dynamochange.Microsecond,
			Keys: item(map[string]any{"pk": "a"}), OldImage: item(map[string]any{"pk": "<a>", "n": dynamochange.Number("1.50")}), SizeBytes: 12,
			Identity: &dynamochange.Identity{Type: "Service", PrincipalID: "dynamodb.amazonaws.com"},
		},
	} {
		got, err := dynamochange.Parse([]byte(text))
		require.NoError(t, err)
		assert.Equal(t, want, got)
		assert.Equal(t, want.EventName == dynamochange.Remove, got.Expired())
		back, err := got.MarshalJSON()
		require.NoError(t, err)
		assert.Equal(t, text, string(back))
	}
}

func TestParse_whatIsNoChange(t *testing.T) {
	change := func(old, new string) string { return strings.Replace(milliText, old, new, 1) }
	for text, says := range map[string]string{
		``:   "unexpected end",
		`[]`: "cannot unmarshal array",
		`{}`: `its eventSource is "", not aws:dynamodb`,
		change(`"aws:dynamodb"`, `"aws:kinesis"`):                                            `its eventSource is "aws:kinesis"`,
		change(`"INSERT"`, `"UPSERT"`):                                                       `change 2f1c: invalid: its eventName is "UPSERT", not INSERT, MODIFY or REMOVE`,
		change(`"INSERT"`, `"MODIFY"`):                                                       "MODIFY without OldImage",
		change(`"INSERT"`, `"REMOVE"`):                                                       "REMOVE with NewImage",
		change(`"NewImage"`, `"OldImage"`):                                                   "INSERT without NewImage",
		change(`"ApproximateCreationDateTime":1636603217123,`, ``):                           "it has no ApproximateCreationDateTime",
		change(`1636603217123`, `1636603217.123`):                                            "its ApproximateCreationDateTime 1636603217.123 is no whole number",
		change(`"Keys":{"pk":{"S":"a"}},`, ``):                                               "it has no keys",
		change(`{"pk":{"S":"a"}}`, `{"pk":"a"}`):                                             `attribute value: invalid: "a" is no object with one type`,
		change(`"SizeBytes"`, `"ApproximateCreationDateTimePrecision":"SECOND","SizeBytes"`): `its precision is "SECOND", not MILLISECOND or MICROSECOND`,
	} {
		_, err := dynamochange.Parse([]byte(text))
		assert.ErrorIs(t, err, dynamochange.ErrInvalid, text)
		assert.ErrorContains(t, err, says, text)
	}
	_, err := json.Marshal(dynamochange.Record{EventName: "x"})
	assert.ErrorIs(t, err, dynamochange.ErrInvalid)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(milliText))
	f.Add([]byte(microText))
	f.Add([]byte(`{"eventName":"INSERT","dynamodb":{"ApproximateCreationDateTime":0,"Keys":{"k":{"S":""}},"NewImage":{}},"eventSource":"aws:dynamodb"}`))
	f.Add([]byte(strings.Replace(milliText, `{"S":"a"}`, `{"L":[{"NS":["1","1e3"]},{"M":{"x":{"BS":["AA=="]}}},{"NULL":true},{"BOOL":false}]}`, 2)))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := dynamochange.Parse(data)
		if err != nil {
			require.ErrorIs(t, err, dynamochange.ErrInvalid)
			return
		}
		text, err := r.MarshalJSON()
		require.NoError(t, err)
		again, err := dynamochange.Parse(text)
		require.NoError(t, err)
		require.True(t, r.Keys.Equal(again.Keys) && r.NewImage.Equal(again.NewImage) && r.OldImage.Equal(again.OldImage))
		require.True(t, r.Created.Equal(again.Created))
		var x any
		require.NoError(t, value(r.Keys).To(&x))
		require.True(t, value(x).Equal(value(r.Keys)), "%v", x)
	})
}

func ExampleParse() {
	data := []byte(`{"awsRegion":"us-east-1","eventID":"7f","eventName":"INSERT","userIdentity":null,"recordFormat":"application/json",
		"tableName":"Orders","dynamodb":{"ApproximateCreationDateTime":1636603217123,"Keys":{"id":{"S":"o-1"}},
		"NewImage":{"id":{"S":"o-1"},"cents":{"N":"1250"},"tags":{"SS":["gift","fast"]}},"SizeBytes":40},"eventSource":"aws:dynamodb"}`)
	r, err := dynamochange.Parse(data)
	if err != nil {
		panic(err)
	}
	var order struct {
		ID    string   `dynamodbav:"id"`
		Cents int      `dynamodbav:"cents"`
		Tags  []string `dynamodbav:"tags,stringset"`
	}
	err = r.NewImage.To(&order)
	fmt.Println(r.EventName, r.Created.Format(time.RFC3339Nano), order, err)
	// Output: INSERT 2021-11-11T04:00:17.123Z {o-1 1250 [gift fast]} <nil>
}
