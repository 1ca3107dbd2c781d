package dynamolease

import (
	"fmt"
	"maps"
	"slices"
	"strings"

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

// asks reports whether a lease is wanted by another worker than its owner.
func asks(l lease.Lease) bool { return l.Owner != "" && l.Wanted != "" && l.Wanted != l.Owner }

// update puts a lease in the place of the one that was seen, and leaves alone
// what is not of it.
func (s *Store) update(seen int64, l lease.Lease) *dynamodb.UpdateItemInput {
	x := newExpression()
	condition := x.seen(seen)
	switch {
	case asks(l):
		// The library's worker knows no wishes, and takes the lease for lost.
		condition += fmt.Sprintf(" AND %s = :seen", x.name(writtenName))
	case l.Owner != "":
		// An owner that the library's version 3 makes hand the lease over is to
		// learn of it.
		from := x.name(oldOwnerName)
		condition += fmt.Sprintf(" AND (attribute_not_exists(%s) OR %s <> %s)", from, from, x.value(ownerName, text(l.Owner)))
	}
	var set []string
	remove := []string{x.name(oldOwnerName)}
	if l.Switches == 0 && l.Wanted == "" { // there was a checkpoint since the library's
		for _, name := range pendingNames {
			remove = append(remove, x.name(name))
		}
	}
	attributes := encode(l)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if v := attributes[name]; v == nil {
			remove = append(remove, x.name(name))
		} else {
			set = append(set, x.name(name)+" = "+x.value(name, v))
		}
	}
	return s.conditional(x, l.Key, condition, "SET "+strings.Join(set, ", ")+" REMOVE "+strings.Join(remove, ", "))
}

// handOver asks a worker of the library for a lease, as its version 3 does: the
// owner is to finish first.
func (s *Store) handOver(seen int64, l lease.Lease) *dynamodb.UpdateItemInput {
	x := newExpression()
	owner, from := x.name(ownerName), x.name(oldOwnerName)
	condition := fmt.Sprintf("%s AND %s = %s AND attribute_not_exists(%s)",
		x.seen(seen), owner, x.value(oldOwnerName, text(l.Owner)), from)
	return s.conditional(x, l.Key, condition, fmt.Sprintf("SET %s = %s, %s = :%s REMOVE %s",
		owner, x.value(ownerName, text(l.Wanted)), from, oldOwnerName, x.name(wantedName)))
}

func (s *Store) conditional(x *expression, key, condition, update string) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: keyOf(key),
		ConditionExpression:       &condition,
		UpdateExpression:          &update,
		ExpressionAttributeNames:  x.names,
		ExpressionAttributeValues: x.values,

		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}
