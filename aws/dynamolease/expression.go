package dynamolease

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/weirstream/weir/lease"
)

// An expression collects the names and values that an expression of DynamoDB
// may not have in its text.
type expression struct {
	names  map[string]string
	values item
}

func newExpression() *expression { return &expression{make(map[string]string), make(item)} }

// name returns what stands for an attribute.
func (x *expression) name(attribute string) string {
	short := "#" + attribute
	x.names[short] = attribute
	return short
}

// value returns what stands for a value, of which its name says what it is.
func (x *expression) value(what string, v types.AttributeValue) string {
	short := ":" + what
	x.values[short] = v
	return short
}

// seen is the condition that a row is a lease that still has a counter.
func (x *expression) seen(counter int64) string {
	kind := x.name(entityType)
	return fmt.Sprintf("%s = %s AND (attribute_not_exists(%s) OR %s = %s)",
		x.name(counterName), x.value("seen", number(counter)), kind, kind, x.value("lease", text(entityLease)))
}

// update puts a lease in the place of the one that was seen, and leaves alone
// what is not of it.
func (s *Store) update(seen int64, l lease.Lease) *dynamodb.UpdateItemInput {
	x := newExpression()
	condition := x.seen(seen)
	if l.Owner != "" {
		// A take ends a hand-over of the library's version 3, as in its version 2;
		// those who take part in it do not know yet that they do.
		from, owner, me := x.name(oldOwnerName), x.name(ownerName), x.value(ownerName, text(l.Owner))
		condition += fmt.Sprintf(" AND (attribute_not_exists(%s) OR (%s <> %s AND %s <> %s))", from, owner, me, from, me)
	}
	var set []string
	remove := []string{x.name(oldOwnerName)}
	attributes := encode(l)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if v := attributes[name]; v == nil {
			remove = append(remove, x.name(name))
		} else {
			set = append(set, x.name(name)+" = "+x.value(name, v))
		}
	}
	return &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: keyOf(l.Key),
		ConditionExpression:       &condition,
		UpdateExpression:          aws.String("SET " + strings.Join(set, ", ") + " REMOVE " + strings.Join(remove, ", ")),
		ExpressionAttributeNames:  x.names,
		ExpressionAttributeValues: x.values,

		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}
