"""The currencies of bills, and the number of decimals of each.

Source: ISO 4217, list one (SIX Group, https://www.six-group.com/en/products-services/financial-
information/data-standards.html), as published on 2026-01-01. Left out: funds, metals and test
codes, which no bill uses. A table of this size that changes about once a year is not worth a
dependency.
"""

from __future__ import annotations

_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD "
    "CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ "
    "GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL "
    "MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR "
    "PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT "
    "TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
MINOR_UNITS = {code: digits for digits, codes in _DECIMALS.items() for code in codes.split()}
"""Decimals by code."""


def nearest(code: str) -> str:
    """The valid code that has the most letters of ``code`` in the same places."""
    wanted = code.upper()
    return max(
        MINOR_UNITS,
        key=lambda known: (sum(map(str.__eq__, known, wanted)), known in {"USD", "EUR"}),
    )
