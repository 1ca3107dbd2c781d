package account

import (
	"fmt"
	"unicode/utf8"

	"github.com/weirstream/weir"
)

// checkEntries words what is wrong with records to be put, or returns nil.
// batch says that they are those of a PutRecords. The engine checks the same,
// without words of the service.
func (st *stream) checkEntries(entries []weir.Entry, batch bool) error {
	limits := st.engine.Config().Limits
	total := 0
	for i := range entries {
		at := func(member string) string {
			if batch {
				return fmt.Sprintf("records.%d.member.%s", i+1, member)
			}
			return member
		}
		if err := st.checkEntry(&entries[i], at); err != nil {
			return err
		}
		total += entries[i].Size()
	}
	switch {
	case !batch:
		return nil
	case len(entries) == 0:
		return invalid("'[]'", "records", "Member must have length greater than or equal to 1")
	case len(entries) > limits.BatchRecords:
		return tooLong("records", limits.BatchRecords)
	case total > limits.BatchBytes:
		return errorf(CodeInvalidArgument, msgRecordsTooLarge, limits.BatchBytes>>20)
	default:
		return nil
	}
}

// checkEntry checks one record; at gives a member's place in the request.
func (st *stream) checkEntry(e *weir.Entry, at func(member string) string) error {
	settings := st.engine.Settings()
	most := settings.RecordBytes
	switch characters := utf8.RuneCountInString(e.PartitionKey); {
	case characters == 0 && settings.Distribution != weir.DistributeAuto:
		return missing(at("partitionKey"))
	case characters > weir.MaxPartitionKeyLength:
		return invalid(quoted(e.PartitionKey), at("partitionKey"),
			fmt.Sprintf("Member must have length less than or equal to %d", weir.MaxPartitionKeyLength))
	case !utf8.ValidString(e.PartitionKey):
		return errorf(CodeInvalidArgument, "The partition key is not UTF-8.")
	case len(e.Data) > weir.MaxRecordBytes:
		return tooLong(at("data"), weir.MaxRecordBytes)
	case e.Size() > most: // the key counts, though data alone is named
		return tooLong(at("data"), most)
	default:
		return nil
	}
}

// tooLong returns a ValidationException for a member of which the service does
// not say the value.
func tooLong(member string, most int) error {
	return errorf(CodeValidation, msgValidationUnshown, member, fmt.Sprintf("Member must have length less than or equal to %d", most))
}
