package input

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// combinedTime is how a combined log writes a time between its brackets.
const combinedTime = "02/Jan/2006:15:04:05 -0700"

// ParseCombined reads a line of an Apache combined log:
//
//	client ident user [time] "request" status bytes "referer" "user agent"
//
// The key is the client. Quotes may be escaped by a backslash; fields after the
// user agent are ignored. The event's Raw is line itself.
func ParseCombined(line []byte) (Event, error) {
	rest := string(line)
	client, rest, ok := strings.Cut(rest, " ")
	if !ok {
		return Event{}, errors.New("nothing follows the client")
	}
	if err := checkKey(client); err != nil {
		return Event{}, err
	}
	at, rest, err := cutTime(rest)
	if err != nil {
		return Event{}, err
	}
	request, rest, err := cutQuoted(rest, "request")
	if err != nil {
		return Event{}, err
	}
	status, rest, err := cutStatus(rest)
	if err != nil {
		return Event{}, err
	}
	if err := checkTail(rest); err != nil {
		return Event{}, err
	}
	return Event{Key: client, Time: at, Status: status, Page: pageOf(request), Raw: line, Size: len(line)}, nil
}

// cutTime reads "ident user [time] " from the beginning of s.
func cutTime(s string) (at time.Time, rest string, err error) {
	_, s, ok := strings.Cut(s, "[")
	if !ok {
		return at, "", errors.New("there is no time in brackets")
	}
	text, rest, ok := strings.Cut(s, "]")
	if !ok {
		return at, "", errors.New("the time has no closing bracket")
	}
	at, err = time.Parse(combinedTime, text)
	if err != nil {
		return at, "", fmt.Errorf("time %q is not of the form day/month/year:hour:minute:second zone", text)
	}
	return at.UTC(), strings.TrimPrefix(rest, " "), nil
}

// cutQuoted reads a quoted field and the space that follows it. A backslash
// takes the next character along.
func cutQuoted(s, field string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", fmt.Errorf("the %s is not in quotes", field)
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[1:i], strings.TrimPrefix(s[i+1:], " "), nil
		}
	}
	return "", "", fmt.Errorf("the %s has no closing quote", field)
}

// cutStatus reads a status of three digits and the space that follows it.
func cutStatus(s string) (status int, rest string, err error) {
	text, rest, _ := strings.Cut(s, " ")
	if len(text) != 3 || !isDigits(text) || text[0] == '0' {
		return 0, "", fmt.Errorf("status %q is not a number from 100 to 999", text)
	}
	return int(text[0]-'0')*100 + int(text[1]-'0')*10 + int(text[2]-'0'), rest, nil
}

// checkTail checks the bytes sent, the referer and the user agent.
func checkTail(s string) error {
	size, s, ok := strings.Cut(s, " ")
	if size != "-" && !isDigits(size) {
		return fmt.Errorf("size %q is neither a number nor -", size)
	}
	if !ok {
		return errors.New("there is no referer")
	}
	_, s, err := cutQuoted(s, "referer")
	if err != nil {
		return err
	}
	_, _, err = cutQuoted(s, "user agent")
	return err
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// pageOf returns the path of a request line such as "GET /a?b HTTP/1.1", or the
// whole request if it is none.
func pageOf(request string) string {
	if _, rest, ok := strings.Cut(request, " "); ok {
		request, _, _ = strings.Cut(rest, " ")
	}
	page, _, _ := strings.Cut(request, "?")
	return page
}
