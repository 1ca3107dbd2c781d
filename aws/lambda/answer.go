package lambda

import (
	"bytes"
	"encoding/json"
)

// A FunctionError is what a function of another process says of its failure.
type FunctionError struct {
	// Type is the error's, in the function's language, such as "ValueError".
	// Empty if it says none.
	Type string
	// Message is its text, of which the first [MaxErrorBytes] are kept.
	Message string
}

// MaxErrorBytes is how much is kept of what a function says of its failure.
const MaxErrorBytes = 4 << 10

func (e *FunctionError) Error() string {
	switch {
	case e.Type == "":
		return "the function failed: " + e.Message
	case e.Message == "":
		return "the function failed: " + e.Type
	}
	return "the function failed: " + e.Type + ": " + e.Message
}

// timedOut is how the emulator's answer begins if the function's time is over.
// It is no JSON, and comes with status 200.
const timedOut = "Task timed out after "

// errorIn returns the failure that an answer of the emulator stands for, or nil.
// The emulator sends what runtimes say of an error as it sends answers, so that
// they are told apart by what is in them: an object with an errorType that is a
// string and an errorMessage, as all runtimes of Lambda write it. The message is
// null if the error of the language has none.
func errorIn(answer []byte) *FunctionError {
	if bytes.HasPrefix(answer, []byte(timedOut)) {
		return &FunctionError{Type: "Sandbox.Timedout", Message: cut(string(answer))}
	}
	if !bytes.Contains(answer, []byte(`"errorType"`)) || !bytes.Contains(answer, []byte(`"errorMessage"`)) {
		return nil
	}
	var says map[string]json.RawMessage
	if err := json.Unmarshal(answer, &says); err != nil {
		return nil
	}
	var kind *string
	if err := json.Unmarshal(says["errorType"], &kind); err != nil || kind == nil || says["errorMessage"] == nil {
		return nil
	}
	var message string
	if err := json.Unmarshal(says["errorMessage"], &message); err != nil {
		message = string(says["errorMessage"])
	}
	return &FunctionError{Type: cut(*kind), Message: cut(message)}
}

// cut keeps an error from filling logs.
func cut(s string) string {
	if len(s) > MaxErrorBytes {
		return s[:MaxErrorBytes] + "…"
	}
	return s
}
