"""What a message says: Liquid templates over MJML for email, Liquid for SMS.

Pure: no database, no HTTP, no Flask. A template is compiled once per version (`email.compile_email`,
`sms.compile_sms`) and rendered once per person. What a merchant may have written wrong is a value
(`faults.TemplateFault`), never an exception.
"""
