# expect: IMPORT_ERROR at 3:1: no packages are installed here: use `wren.ai(prompt)`
import wren
from openai import OpenAI

client = OpenAI()


@wren.on_email(subject="summary please")
def summarise(email):
    answer = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": email.text}],
    )
    return answer.choices[0].message.content
