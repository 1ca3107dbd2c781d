package eventpattern

import (
	"net/netip"
	"strconv"
	"strings"
)

// parseAddress reads an address as patterns have them: four decimal numbers, in
// which leading zeros mean nothing, or IPv6 in hexadecimal without a zone. An
// IPv4 address in IPv6's clothes is the IPv4 address.
func parseAddress(s []byte) (netip.Addr, bool) {
	if len(s) < 2 || len(s) > 45 {
		return netip.Addr{}, false
	}
	dots, colons := 0, 0
	for _, c := range s {
		switch {
		case c == '.':
			dots++
		case c == ':':
			colons++
		case '0' <= c && c <= '9':
		case 'a' <= c|0x20 && c|0x20 <= 'f':
		default:
			return netip.Addr{}, false
		}
	}
	if dots == 3 && colons == 0 && len(s) <= 15 {
		return parseIPv4(string(s))
	}
	if colons == 0 || dots > 0 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(string(s))
	return a.Unmap(), err == nil
}

func parseIPv4(s string) (netip.Addr, bool) {
	var a [4]byte
	for i, part := range strings.Split(s, ".") {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return netip.Addr{}, false
		}
		a[i] = byte(n)
	}
	return netip.AddrFrom4(a), true
}

// parseBlock reads what cidr takes; rule says what is wrong with it.
func parseBlock(s string) (block netip.Prefix, rule string) {
	address, mask, ok := strings.Cut(s, "/")
	if !ok || strings.Contains(mask, "/") {
		return block, "cidr takes an address, one slash and a number of bits"
	}
	bits, err := strconv.Atoi(mask)
	if err != nil || bits < 0 {
		return block, "the bits of a cidr block must be a whole number from 0"
	}
	a, ok := parseAddress([]byte(address))
	if !ok {
		return block, "cidr takes an IPv4 or IPv6 address"
	}
	if bits >= a.BitLen() {
		return block, "a cidr block must have fewer than " + strconv.Itoa(a.BitLen()) + " bits"
	}
	return netip.PrefixFrom(a, bits).Masked(), ""
}
