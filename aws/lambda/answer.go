package lambda

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/weirstream/weir/eventsource"
)

// Judge says what the answer of a function behind a URL stands for, the
// runtime interface emulator's, Lambda's Invoke API's or any web server's; the
// body of res has been read into answer. Nil is an answer, of any content; it is
// the event source's to say what that means.
//
// Failed has what tells of an error of the function, as [ErrorIn] finds it or
// the header X-Amz-Function-Error says: a [*FunctionError]. Any other status than
// 200 to 299 is a [*StatusError]. That matches [eventsource.ErrNotStarted], which
// is no attempt, if nobody can have been given the event: with 401, 403, 404, 429
// and 503; with 400 and no body of a path that ends in "/invocations", which is
// what the emulator says while it is at work; and with 409 and 502 if the Invoke
// API names its reason, in X-Amzn-ErrorType, for it has these for functions that
// cannot be run now. A 502 besides is what a gateway says also when the function
// died of the event, and a 400 with a body what a function says of an event that
// it does not take: were they no attempts, the batch would come again for ever.
func Judge(res *http.Response, answer []byte) error {
	if len(answer) <= eventsource.MaxResponseBytes {
		if said := ErrorIn(answer); said != nil {
			return said
		}
	}
	if kind := res.Header.Get("X-Amz-Function-Error"); kind != "" {
		return &FunctionError{Type: cut(kind), Message: cut(string(answer))}
	}
	if res.StatusCode >= 200 && res.StatusCode <= 299 {
		return nil
	}
	return &StatusError{Status: cut(res.Status), Body: cut(strings.TrimSpace(string(answer))), NotStarted: refused(res, answer)}
}

// refused reports whether the function cannot have been given the event.
func refused(res *http.Response, answer []byte) bool {
	switch res.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return true
	case http.StatusBadRequest:
		return len(answer) == 0 && res.Request != nil && strings.HasSuffix(res.Request.URL.Path, "/invocations")
	case http.StatusConflict, http.StatusBadGateway:
		return res.Header.Get("X-Amzn-ErrorType") != ""
	}
	return false
}

// A StatusError is what a URL answers in place of a function's answer.
type StatusError struct {
	// Status is the status as text, such as "502 Bad Gateway".
	Status string
	// Body is what came with it, of which the first [MaxErrorBytes] are kept.
	Body string
	// NotStarted says that no function was begun; then the error matches
	// [eventsource.ErrNotStarted].
	NotStarted bool
}

// Error begins with the text of [eventsource.ErrNotStarted] where that is
// matched, and has status and body.
func (e *StatusError) Error() string {
	text := "status " + e.Status
	if e.Body != "" {
		text += ": " + e.Body
	}
	if e.NotStarted {
		return fmt.Sprintf("%v: %s", eventsource.ErrNotStarted, text)
	}
	return text
}

// Is makes errors.Is find [eventsource.ErrNotStarted] if no function was begun.
func (e *StatusError) Is(target error) bool {
	return e.NotStarted && target == eventsource.ErrNotStarted
}

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

// Error has type and message, or the one of them that there is.
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

// ErrorIn returns the failure that an answer of the emulator, or of what does as
// Lambda's runtimes do, stands for; nil if it stands for none. The emulator sends
// what runtimes say of an error as it sends answers, so that they are told apart
// by what is in them: an object with an errorType that is a string and an
// errorMessage, as all runtimes of Lambda write it. The message is null if the
// error of the language has none.
func ErrorIn(answer []byte) *FunctionError {
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
